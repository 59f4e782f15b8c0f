package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/gogo/protobuf/proto"

	"github.com/grafana/tempo/pkg/httpclient"
	"github.com/grafana/tempo/pkg/tempopb"
)

// get asks over HTTP. The body of an answer that is not 200 is its text.
func (a *asker) get(path, accept string) (answer, []byte, error) {
	request, err := http.NewRequest(http.MethodGet, "http://"+a.address+path, nil)
	if err != nil {
		return answer{}, nil, err
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, nil, err
	}
	given := answer{Status: strconv.Itoa(response.StatusCode), Notes: notes(response.Header)}
	if response.StatusCode != http.StatusOK {
		given.Text = string(body)
	}
	return given, body, nil
}

// notes are the headers that a test may look at.
func notes(headers map[string][]string) map[string][]string {
	kept := map[string][]string{}
	for name, values := range headers {
		name = strings.ToLower(name)
		if name == "content-type" || strings.HasPrefix(name, "fanal-") {
			kept[name] = values
		}
	}
	return kept
}

// json decodes protobuf's own JSON, refuses unknown keys, and holds the answer against what Tempo's encoder makes of it.
func (a *asker) json(asked call) (answer, error) {
	given, body, err := a.get(asked.Path, "application/json")
	if err != nil || given.Status != "200" {
		return given, err
	}
	if asked.Answer == "" {
		given.Text = string(body)
		return given, nil
	}
	decoded, err := message(asked.Answer)
	if err != nil {
		return given, err
	}
	trace, isTrace := decoded.(*tempopb.Trace)
	if isTrace {
		// Tempo's first form of a trace has another key at its top.
		err = tempopb.UnmarshalFromJSONV1(body, trace)
	} else {
		err = jsonpb.Unmarshal(bytes.NewReader(body), decoded)
	}
	if err != nil {
		given.Wrong = fmt.Sprintf("decoding %s: %v", asked.Answer, err)
		return given, nil
	}
	if err := given.add(decoded); err != nil {
		return given, err
	}
	again := []byte(given.Messages[0])
	if isTrace {
		if again, err = tempopb.MarshalToJSONV1(trace); err != nil {
			return given, err
		}
	}
	given.Wrong, err = difference(again, body)
	return given, err
}

// difference tells in what two texts of JSON differ; none in the order of keys, nor in how numbers are written.
func difference(tempo, found []byte) (string, error) {
	var left, right any
	if err := json.Unmarshal(tempo, &left); err != nil {
		return "", err
	}
	if err := json.Unmarshal(found, &right); err != nil {
		return err.Error(), nil
	}
	if reflect.DeepEqual(left, right) {
		return "", nil
	}
	return fmt.Sprintf("Tempo would have written\n%.2000s\nand not\n%.2000s", tempo, found), nil
}

// protobuf decodes protobuf.
func (a *asker) protobuf(asked call) (answer, error) {
	given, body, err := a.get(asked.Path, "application/protobuf")
	if err != nil || given.Status != "200" {
		return given, err
	}
	decoded, err := message(asked.Answer)
	if err != nil {
		return given, err
	}
	if err := strictly(body, decoded); err != nil {
		given.Wrong = err.Error()
		return given, nil
	}
	return given, given.add(decoded)
}

// strictly decodes a message. Fields that are not known are passed over by it, and then it is shorter.
func strictly(body []byte, decoded proto.Message) error {
	if err := proto.Unmarshal(body, decoded); err != nil {
		return fmt.Errorf("decoding %T: %w", decoded, err)
	}
	if size := proto.Size(decoded); size != len(body) {
		return fmt.Errorf("%T came in %d bytes, of which %d are known", decoded, len(body), size)
	}
	return nil
}

// client calls a function of Tempo's own client.
func (a *asker) client(asked call) (answer, error) {
	client := httpclient.New("http://"+a.address, "tenant")
	word := func(place int) string { return asked.Arguments[place] }
	number := func(place int) int64 {
		number, _ := strconv.ParseInt(asked.Arguments[place], 10, 64)
		return number
	}
	var came proto.Message
	var err error
	switch asked.Method {
	case "QueryTrace":
		came, err = client.QueryTrace(word(0))
	case "QueryTraceV2":
		came, err = client.QueryTraceV2(word(0))
	case "QueryTraceWithRange":
		came, err = client.QueryTraceWithRange(word(0), number(1), number(2))
	case "Search":
		came, err = client.Search(word(0))
	case "SearchWithRange":
		came, err = client.SearchWithRange(word(0), number(1), number(2))
	case "SearchTraceQL":
		came, err = client.SearchTraceQL(word(0))
	case "SearchTraceQLWithRange":
		came, err = client.SearchTraceQLWithRange(word(0), number(1), number(2))
	case "SearchTraceQLWithRangeAndLimit":
		came, err = client.SearchTraceQLWithRangeAndLimit(word(0), number(1), number(2), number(3), number(4))
	case "SearchTags":
		came, err = client.SearchTags()
	case "SearchTagsWithRange":
		came, err = client.SearchTagsWithRange(number(0), number(1))
	case "SearchTagsV2":
		came, err = client.SearchTagsV2()
	case "SearchTagsV2WithRange":
		came, err = client.SearchTagsV2WithRange(number(0), number(1))
	case "SearchTagValues":
		came, err = client.SearchTagValues(word(0))
	case "SearchTagValuesV2":
		came, err = client.SearchTagValuesV2(word(0), word(1))
	case "SearchTagValuesV2WithRange":
		came, err = client.SearchTagValuesV2WithRange(word(0), number(1), number(2))
	case "MetricsQueryRange":
		came, err = client.MetricsQueryRange(word(0), int(number(1)), int(number(2)), word(3), int(number(4)))
	default:
		return answer{}, fmt.Errorf("no function is called %q", asked.Method)
	}
	if err != nil {
		return answer{Status: "error", Text: err.Error()}, nil
	}
	given := answer{Status: "200"}
	return given, given.add(came)
}
