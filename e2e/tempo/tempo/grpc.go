package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/gogo/protobuf/proto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/grafana/tempo/pkg/tempopb"
)

// callSeconds is the longest that a stream may last.
const callSeconds = 60

type asker struct {
	address    string
	connection *grpc.ClientConn
	streaming  tempopb.StreamingQuerierClient
}

func newAsker(address string) (*asker, error) {
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(strict{})),
	}
	connection, err := grpc.NewClient(address, options...)
	if err != nil {
		return nil, err
	}
	return &asker{address, connection, tempopb.NewStreamingQuerierClient(connection)}, nil
}

func (a *asker) close() {
	a.connection.Close()
}

// strict is the codec of Tempo's messages that minds what it does not know.
type strict struct{}

func (strict) Name() string { return "proto" }

func (strict) Marshal(value any) ([]byte, error) {
	return proto.Marshal(value.(proto.Message))
}

func (strict) Unmarshal(body []byte, value any) error {
	return strictly(body, value.(proto.Message))
}

// grpc makes one of the seven calls and reads its stream to the end.
func (a *asker) grpc(asked call) (answer, error) {
	method := reflect.ValueOf(a.streaming).MethodByName(asked.Method)
	if !method.IsValid() {
		return answer{}, fmt.Errorf("no call has this name")
	}
	request := reflect.New(method.Type().In(1).Elem())
	if err := jsonpb.Unmarshal(bytes.NewReader(asked.Request), request.Interface().(proto.Message)); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), callSeconds*time.Second)
	defer cancel()
	opened := method.Call([]reflect.Value{reflect.ValueOf(ctx), request})
	if err, _ := opened[1].Interface().(error); err != nil {
		return answer{}, err
	}
	var given answer
	for {
		received := opened[0].MethodByName("Recv").Call(nil)
		err, _ := received[1].Interface().(error)
		if err == nil {
			if err := given.add(received[0].Interface().(proto.Message)); err != nil {
				return given, err
			}
			continue
		}
		given.Notes = notes(opened[0].Interface().(grpc.ClientStream).Trailer())
		given.Status = "OK"
		if !errors.Is(err, io.EOF) {
			given.Status = status.Code(err).String()
			given.Text = status.Convert(err).Message()
		}
		return given, nil
	}
}
