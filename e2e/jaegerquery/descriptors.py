"""Compiles the .proto files of crates/fanal-wire into the descriptors that Fanal's reflection answers.

`python descriptors.py` writes them; the suite beside it checks that what is in the repository is what comes out.
Needs the package grpcio-tools, in the version that the suite pins.
"""

import pathlib
import sys
import tempfile

WIRE = pathlib.Path(__file__).resolve().parents[2] / "crates" / "fanal-wire"
DESCRIPTORS = WIRE / "descriptors.binpb"


def compiled() -> bytes:
    """The descriptors of every file, imports before those that import them."""
    import grpc_tools
    from grpc_tools import protoc

    proto = WIRE / "proto"
    included = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    files = sorted(str(path.relative_to(proto)) for path in proto.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "descriptors.binpb"
        arguments = ["protoc", f"-I{proto}", f"-I{included}", "--include_imports", f"--descriptor_set_out={out}"]
        if protoc.main(arguments + files) != 0:
            sys.exit("the .proto files do not compile")
        return out.read_bytes()


if __name__ == "__main__":
    DESCRIPTORS.write_bytes(compiled())
