//! Compressed bodies: which codings are spoken, and decompression under a cap.
//!
//! Works on bodies that have arrived, so that decoder memory is bounded by the threads that run and not by the
//! requests that wait. Output is drawn from the budget before it is written, so a bomb ends at its limit.

use crate::refusal::Refusal;
use bytes::Bytes;
use fanal_pipeline::{BytePermit, Pipeline, RequestRejection};
use std::io::Read;

/// First and largest step by which decompressed bytes are drawn from the budget and produced.
const STEP_BYTES_MIN: usize = 16 << 10;
const STEP_BYTES_MAX: usize = 1 << 20;

/// Largest window of a zstd frame, as a power of two in bytes: 8 MiB, what RFC 8878 recommends decoders to support.
/// Levels up to 19 stay within it; a frame may otherwise claim up to 2 GiB of memory.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The codings as a list for headers and messages.
pub(crate) const ACCEPTED: &str = "gzip, zstd, deflate";

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Identity,
    Gzip,
    Zstd,
    Deflate,
}

impl Compression {
    /// From the value of `Content-Encoding` or `grpc-encoding`, in any case; `None` for what is not spoken.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let value = value.trim();
        let is = |name: &str| value.eq_ignore_ascii_case(name);
        if value.is_empty() || is("identity") {
            Some(Self::Identity)
        } else if is("gzip") || is("x-gzip") {
            Some(Self::Gzip)
        } else if is("zstd") {
            Some(Self::Zstd)
        } else if is("deflate") {
            Some(Self::Deflate)
        } else {
            None
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        }
    }
}

/// The limits of one decompression.
struct Sink<'a> {
    pipeline: &'a Pipeline,
    permit: &'a mut BytePermit,
    bytes_max: usize,
    compression: Compression,
}

/// Decompresses a whole body to at most `bytes_max` bytes, drawing them on `permit`.
pub(crate) fn decompress(
    pipeline: &Pipeline,
    permit: &mut BytePermit,
    compression: Compression,
    body: Bytes,
    bytes_max: usize,
) -> Result<Bytes, Refusal> {
    let mut sink = Sink { pipeline, permit, bytes_max, compression };
    let output = match compression {
        Compression::Identity => return Ok(body),
        // An empty body is an empty message under any coding.
        _ if body.is_empty() => return Ok(body),
        Compression::Gzip => sink.read(flate2::bufread::MultiGzDecoder::new(&*body)),
        Compression::Zstd => {
            let decoder =
                zstd::stream::read::Decoder::with_buffer(&*body).and_then(|mut decoder| {
                    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                    Ok(decoder)
                });
            match decoder {
                Ok(decoder) => sink.read(decoder),
                Err(error) => Err(sink.broken(&error)),
            }
        }
        Compression::Deflate => read_deflate(&mut sink, &body),
    };
    output.map(Bytes::from)
}

/// HTTP's `deflate` means the zlib wrapper; some senders leave it out.
fn read_deflate(sink: &mut Sink<'_>, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let is_wrapped = match *body {
        [method, flags, ..] => {
            method & 0x0f == 8 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
        }
        _ => false,
    };
    if is_wrapped {
        let wrapped = sink.read(flate2::bufread::ZlibDecoder::new(body));
        if !matches!(&wrapped, Err(refusal) if refusal.kind == RequestRejection::Invalid) {
            return wrapped;
        }
    }
    sink.read(flate2::bufread::DeflateDecoder::new(body))
}

impl Sink<'_> {
    fn read(&mut self, mut decoder: impl Read) -> Result<Vec<u8>, Refusal> {
        let mut output = Vec::new();
        loop {
            // One byte more than allowed tells "at the limit" from "above it".
            let room = self.bytes_max.saturating_add(1).saturating_sub(output.len());
            let step = output.len().clamp(STEP_BYTES_MIN, STEP_BYTES_MAX).min(room);
            self.pipeline
                .grow(self.permit, step)
                .map_err(|error| Refusal::from_pipeline(&error, self.pipeline))?;
            output.reserve_exact(step);
            let wanted = fanal_base::cast::wide(step);
            let read = decoder
                .by_ref()
                .take(wanted)
                .read_to_end(&mut output)
                .map_err(|error| self.broken(&error))?;
            if output.len() > self.bytes_max {
                return Err(self.too_large());
            }
            if read < step {
                return Ok(output);
            }
        }
    }

    fn broken(&self, error: &std::io::Error) -> Refusal {
        let message = format!("body is not valid {}: {error}", self.compression.name());
        Refusal::lasting(RequestRejection::Invalid, message)
    }

    fn too_large(&self) -> Refusal {
        let message = format!(
            "body decompresses to more than request_bytes_max of {} bytes; send smaller batches",
            self.bytes_max
        );
        Refusal::lasting(RequestRejection::TooLarge, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use fanal_pipeline::PipelineConfig;
    use std::io::Write;

    /// Decompresses under a cap of 1000 bytes and a budget of 64 KiB.
    fn decompressed(compression: Compression, body: &[u8]) -> Result<Vec<u8>, RequestRejection> {
        let config = PipelineConfig { in_flight_bytes_max: 64 << 10, ..PipelineConfig::default() };
        let pipeline = testing::pipeline(config);
        let mut permit = pipeline.admit(0).expect("fits");
        decompress(&pipeline, &mut permit, compression, Bytes::copy_from_slice(body), 1000)
            .map(|bytes| bytes.to_vec())
            .map_err(|refusal| refusal.kind)
    }

    fn check(
        compression: Compression,
        body: &[u8],
        expect: Result<&[u8], RequestRejection>,
        case: &str,
    ) {
        let read = decompressed(compression, body);
        assert_eq!(read.as_deref().map_err(|kind| *kind), expect, "{case}");
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    fn zstd_with_window(window_log: u32) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("level");
        encoder.window_log(window_log).expect("window");
        encoder.write_all(b"hello").expect("in memory");
        // Without a flush the frame would know its size and need no window.
        encoder.flush().expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[test]
    fn members_are_joined_and_caps_are_exact() {
        let two = [gzip(b"one "), gzip(b"two")].concat();
        check(Compression::Gzip, &two, Ok(b"one two"), "two members");
        check(Compression::Gzip, &gzip(&[7; 1000]), Ok(&[7; 1000]), "at the cap");
        let above = Err(RequestRejection::TooLarge);
        check(Compression::Gzip, &gzip(&[7; 1001]), above, "above the cap");
        let invalid = Err(RequestRejection::Invalid);
        let garbage = [gzip(b"one "), b"garbage".to_vec()].concat();
        check(Compression::Gzip, &garbage, invalid, "garbage behind");
        let zstd = zstd::encode_all(&b"one"[..], 1).expect("in memory");
        check(Compression::Zstd, &zstd[..zstd.len() - 1], invalid, "cut zstd");
    }

    #[test]
    fn zstd_frames_may_not_ask_for_more_than_their_window() {
        check(Compression::Zstd, &zstd_with_window(23), Ok(b"hello"), "8 MiB");
        let invalid = Err(RequestRejection::Invalid);
        check(Compression::Zstd, &zstd_with_window(24), invalid, "16 MiB");
    }

    #[test]
    fn raw_deflate_that_looks_like_zlib_is_read() {
        // A stored block whose first two bytes pass for a zlib header.
        let text = [b'x'; 0x9c];
        let mut body = vec![0x01, 0x9c, 0x00, 0x63, 0xff];
        body.extend_from_slice(&text);
        check(Compression::Deflate, &body, Ok(&text), "stored");
        let mut padded = vec![0x78, 0x01];
        padded.extend_from_slice(b"\xff\xff\xff");
        check(Compression::Deflate, &padded, Err(RequestRejection::Invalid), "neither");
    }

    #[test]
    fn output_beyond_the_budget_is_refused_before_it_is_made() {
        let config = PipelineConfig { in_flight_bytes_max: 64 << 10, ..PipelineConfig::default() };
        let pipeline = testing::pipeline(config);
        let _others = pipeline.admit(40 << 10).expect("fits");
        let mut permit = pipeline.admit(0).expect("fits");
        let body = Bytes::from(gzip(&vec![0; 1 << 20]));
        let refusal = decompress(&pipeline, &mut permit, Compression::Gzip, body, 1 << 20);
        assert_eq!(refusal.expect_err("full").kind, RequestRejection::Overloaded);
    }

    #[test]
    fn names_are_read_without_case() {
        let parse = |value| Compression::parse(value);
        assert_eq!(parse(" GZip "), Some(Compression::Gzip));
        assert_eq!(parse("x-gzip"), Some(Compression::Gzip));
        assert_eq!(parse(""), Some(Compression::Identity));
        assert_eq!(parse("br"), None);
    }
}
