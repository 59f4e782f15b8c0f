package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sort"
	"strconv"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	// Registers the codec that messages of Jaeger need.
	_ "github.com/jaegertracing/jaeger/internal/gogocodec"
	"github.com/jaegertracing/jaeger/internal/proto/api_v3"
)

// What Jaeger's own clients are answered, as JSON for the suite to compare.
type answers struct {
	Services     []string            `json:"services"`
	Operations   []string            `json:"operations"`
	Spans        []string            `json:"spans"`
	Chunks       int                 `json:"chunks"`
	Found        int                 `json:"found"`
	Missing      string              `json:"missing"`
	Dependencies []string            `json:"dependencies"`
	V3Services   []string            `json:"v3_services"`
	V3Spans      int                 `json:"v3_spans"`
	V3Found      int                 `json:"v3_found"`
	V3Missing    string              `json:"v3_missing"`
	Health       map[string]string   `json:"health"`
	Reflected    map[string][]string `json:"reflected"`
	Undescribed  []string            `json:"undescribed"`
	Called       map[string][]string `json:"called"`
}

// ask makes the calls of api_v2 and api_v3 at an address, for a service and one of its traces.
func ask(address, service, traceID, end string) error {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	micros, err := strconv.ParseInt(end, 10, 64)
	if err != nil {
		return err
	}
	window := [2]time.Time{time.UnixMicro(micros).Add(-time.Hour), time.UnixMicro(micros).Add(time.Hour)}
	var out answers
	if err := askV2(ctx, connection, service, traceID, window, &out); err != nil {
		return fmt.Errorf("api_v2: %w", err)
	}
	if err := askV3(ctx, connection, service, traceID, window, &out); err != nil {
		return fmt.Errorf("api_v3: %w", err)
	}
	if err := describe(ctx, connection, &out); err != nil {
		return fmt.Errorf("reflection: %w", err)
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func askV2(ctx context.Context, connection *grpc.ClientConn, service, traceID string, window [2]time.Time, out *answers) error {
	client := api_v2.NewQueryServiceClient(connection)
	services, err := client.GetServices(ctx, &api_v2.GetServicesRequest{})
	if err != nil {
		return err
	}
	out.Services = services.Services
	operations, err := client.GetOperations(ctx, &api_v2.GetOperationsRequest{Service: service})
	if err != nil {
		return err
	}
	for _, operation := range operations.Operations {
		out.Operations = append(out.Operations, operation.Name+" "+operation.SpanKind)
	}
	id, err := model.TraceIDFromString(traceID)
	if err != nil {
		return err
	}
	stream, err := client.GetTrace(ctx, &api_v2.GetTraceRequest{TraceID: id})
	if err != nil {
		return err
	}
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		out.Chunks++
		for _, span := range chunk.Spans {
			out.Spans = append(out.Spans, fmt.Sprintf("%s %s %s %s", span.SpanID, span.Process.ServiceName, span.OperationName, span.Duration))
		}
	}
	found, err := client.FindTraces(ctx, &api_v2.FindTracesRequest{Query: &api_v2.TraceQueryParameters{
		ServiceName: service, StartTimeMin: window[0], StartTimeMax: window[1], SearchDepth: 20,
	}})
	if err != nil {
		return err
	}
	traces := map[model.TraceID]bool{}
	for {
		chunk, err := found.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for _, span := range chunk.Spans {
			traces[span.TraceID] = true
		}
	}
	out.Found = len(traces)
	missing, err := client.GetTrace(ctx, &api_v2.GetTraceRequest{TraceID: model.NewTraceID(1, 1)})
	if err == nil {
		_, err = missing.Recv()
	}
	out.Missing = status.Code(err).String()
	dependencies, err := client.GetDependencies(ctx, &api_v2.GetDependenciesRequest{StartTime: window[0], EndTime: window[1]})
	if err != nil {
		return err
	}
	for _, link := range dependencies.Dependencies {
		out.Dependencies = append(out.Dependencies, fmt.Sprintf("%s>%s %d", link.Parent, link.Child, link.CallCount))
	}
	sort.Strings(out.Dependencies)
	return nil
}

func askV3(ctx context.Context, connection *grpc.ClientConn, service, traceID string, window [2]time.Time, out *answers) error {
	client := api_v3.NewQueryServiceClient(connection)
	services, err := client.GetServices(ctx, &api_v3.GetServicesRequest{})
	if err != nil {
		return err
	}
	out.V3Services = services.Services
	trace, err := client.GetTrace(ctx, &api_v3.GetTraceRequest{TraceId: traceID})
	if err != nil {
		return err
	}
	for {
		chunk, err := trace.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		out.V3Spans += chunk.ToTraces().SpanCount()
	}
	found, err := client.FindTraces(ctx, &api_v3.FindTracesRequest{Query: &api_v3.TraceQueryParameters{
		ServiceName: service, StartTimeMin: window[0], StartTimeMax: window[1], SearchDepth: 20,
	}})
	if err != nil {
		return err
	}
	for {
		_, err := found.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		out.V3Found++
	}
	missing, err := client.GetTrace(ctx, &api_v3.GetTraceRequest{TraceId: "00000000000000010000000000000001"})
	if err == nil {
		_, err = missing.Recv()
	}
	out.V3Missing = status.Code(err).String()
	return nil
}

// calls are those that a client can make.
func calls[Client any]() []string {
	client := reflect.TypeFor[Client]()
	var names []string
	for number := range client.NumMethod() {
		names = append(names, client.Method(number).Name)
	}
	return names
}

// describe asks which services there are, how they are, and whether what reflection tells of each is complete.
func describe(ctx context.Context, connection *grpc.ClientConn, out *answers) error {
	stream, err := reflection.NewServerReflectionClient(connection).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	exchange := func(request *reflection.ServerReflectionRequest) (*reflection.ServerReflectionResponse, error) {
		if err := stream.Send(request); err != nil {
			return nil, err
		}
		return stream.Recv()
	}
	list, err := exchange(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_ListServices{ListServices: "*"},
	})
	if err != nil {
		return err
	}
	out.Health, out.Reflected = map[string]string{}, map[string][]string{}
	out.Called = map[string][]string{
		"jaeger.api_v2.QueryService": calls[api_v2.QueryServiceClient](),
		"jaeger.api_v3.QueryService": calls[api_v3.QueryServiceClient](),
	}
	health := grpc_health_v1.NewHealthClient(connection)
	for _, service := range list.GetListServicesResponse().GetService() {
		name := service.GetName()
		checked, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: name})
		if err == nil {
			out.Health[name] = checked.Status.String()
		}
		files := map[string]*descriptorpb.FileDescriptorProto{}
		ask := &reflection.ServerReflectionRequest{
			MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name},
		}
		if err := fetch(exchange, ask, files); err != nil {
			// Jaeger cannot describe its own services: their descriptors are in another registry.
			out.Undescribed = append(out.Undescribed, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		set := &descriptorpb.FileDescriptorSet{}
		for _, file := range files {
			set.File = append(set.File, file)
			for _, described := range file.Service {
				if file.GetPackage()+"."+described.GetName() == name {
					for _, method := range described.Method {
						out.Reflected[name] = append(out.Reflected[name], method.GetName())
					}
				}
			}
		}
		if _, err := protodesc.NewFiles(set); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return stream.CloseSend()
}

func fetch(
	exchange func(*reflection.ServerReflectionRequest) (*reflection.ServerReflectionResponse, error),
	request *reflection.ServerReflectionRequest,
	files map[string]*descriptorpb.FileDescriptorProto,
) error {
	answer, err := exchange(request)
	if err != nil {
		return err
	}
	if refusal := answer.GetErrorResponse(); refusal != nil {
		return errors.New(refusal.GetErrorMessage())
	}
	for _, encoded := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(encoded, file); err != nil {
			return err
		}
		files[file.GetName()] = file
		for _, imported := range file.Dependency {
			if _, isKnown := files[imported]; isKnown {
				continue
			}
			byName := &reflection.ServerReflectionRequest{
				MessageRequest: &reflection.ServerReflectionRequest_FileByFilename{FileByFilename: imported},
			}
			if err := fetch(exchange, byName, files); err != nil {
				return fmt.Errorf("%s: %w", imported, err)
			}
		}
	}
	return nil
}
