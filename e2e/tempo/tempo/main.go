// Tempo's own messages and clients, asking a server that says it is one.
//
// Reads a list of calls as JSON from standard input, makes each, and writes what came as JSON. Answers are decoded with
// Tempo's published module and strictly: keys and fields that it does not know are errors. The path of this module is below
// Tempo's as its import path, and nothing of it is internal.
//
//	client HOST:PORT < calls.json > answers.json
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/gogo/protobuf/proto"

	"github.com/grafana/tempo/pkg/tempopb"
)

// call is one question.
type call struct {
	// How it is asked: json, protobuf, grpc, or client for one of the functions of Tempo's HTTP client.
	By string `json:"by"`
	// The path with its query, for json and protobuf.
	Path string `json:"path"`
	// The call, for grpc and client.
	Method string `json:"method"`
	// Its message as protobuf's own JSON, for grpc.
	Request json.RawMessage `json:"request"`
	// Its arguments, for client.
	Arguments []string `json:"arguments"`
	// The message that is answered, for json and protobuf; none where a text is.
	Answer string `json:"answer"`
}

// answer is what came.
type answer struct {
	// The status of HTTP, or the name of gRPC's code.
	Status string `json:"status"`
	// What was said of a failure, or a text that was asked for.
	Text string `json:"text"`
	// Headers or trailers whose names begin with fanal-, and the content type.
	Notes map[string][]string `json:"notes"`
	// The messages as protobuf's own JSON: one over HTTP, as many as came over gRPC.
	Messages []json.RawMessage `json:"messages"`
	// Why what came is not what Tempo would have sent.
	Wrong string `json:"wrong"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: client HOST:PORT < calls.json")
	}
	var calls []call
	if err := json.NewDecoder(os.Stdin).Decode(&calls); err != nil {
		return fmt.Errorf("read of the calls: %w", err)
	}
	asker, err := newAsker(os.Args[1])
	if err != nil {
		return err
	}
	defer asker.close()
	answers := make([]answer, 0, len(calls))
	for _, one := range calls {
		var given answer
		var err error
		switch one.By {
		case "json":
			given, err = asker.json(one)
		case "protobuf":
			given, err = asker.protobuf(one)
		case "grpc":
			given, err = asker.grpc(one)
		case "client":
			given, err = asker.client(one)
		default:
			err = fmt.Errorf("no way to ask is called %q", one.By)
		}
		if err != nil {
			return fmt.Errorf("%s %s%s: %w", one.By, one.Path, one.Method, err)
		}
		answers = append(answers, given)
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

// message makes an empty one by its name.
func message(name string) (proto.Message, error) {
	switch name {
	case "Trace":
		return &tempopb.Trace{}, nil
	case "TraceByIDResponse":
		return &tempopb.TraceByIDResponse{}, nil
	case "SearchResponse":
		return &tempopb.SearchResponse{}, nil
	case "SearchTagsResponse":
		return &tempopb.SearchTagsResponse{}, nil
	case "SearchTagsV2Response":
		return &tempopb.SearchTagsV2Response{}, nil
	case "SearchTagValuesResponse":
		return &tempopb.SearchTagValuesResponse{}, nil
	case "SearchTagValuesV2Response":
		return &tempopb.SearchTagValuesV2Response{}, nil
	case "QueryRangeResponse":
		return &tempopb.QueryRangeResponse{}, nil
	case "QueryInstantResponse":
		return &tempopb.QueryInstantResponse{}, nil
	}
	return nil, fmt.Errorf("no message is called %q", name)
}

func (given *answer) add(message proto.Message) error {
	text, err := new(jsonpb.Marshaler).MarshalToString(message)
	if err != nil {
		return err
	}
	given.Messages = append(given.Messages, json.RawMessage(text))
	return nil
}
