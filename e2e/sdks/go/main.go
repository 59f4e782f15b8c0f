// Sends one trace with OpenTelemetry's Go SDK over gRPC and prints what the SDK recorded, in normal form.
// Usage: go run . HOST:PORT SERVICE
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

type object = map[string]any

// recorder keeps every ended span.
type recorder struct{ spans []sdk.ReadOnlySpan }

func (r *recorder) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (r *recorder) OnEnd(span sdk.ReadOnlySpan)                { r.spans = append(r.spans, span) }
func (r *recorder) Shutdown(context.Context) error             { return nil }
func (r *recorder) ForceFlush(context.Context) error           { return nil }

func main() {
	endpoint, service := os.Args[1], os.Args[2]
	ctx := context.Background()
	exporter, err := otlptracegrpc.New(ctx,
		otlptracegrpc.WithEndpoint(endpoint), otlptracegrpc.WithInsecure(), otlptracegrpc.WithCompressor("gzip"))
	if err != nil {
		log.Fatal(err)
	}
	recorded := &recorder{}
	provider := sdk.NewTracerProvider(
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", service), attribute.Int("shop.floor", 2))),
		sdk.WithSpanProcessor(recorded),
		sdk.WithSyncer(exporter))
	send(ctx, provider.Tracer("shop", trace.WithInstrumentationVersion("1.2.3")))
	if err := provider.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	spans := []object{}
	for _, span := range recorded.spans {
		spans = append(spans, normal(span))
	}
	if err := json.NewEncoder(os.Stdout).Encode(spans); err != nil {
		log.Fatal(err)
	}
}

func send(ctx context.Context, tracer trace.Tracer) {
	ctx, root := tracer.Start(ctx, "checkout", trace.WithSpanKind(trace.SpanKindServer))
	root.SetAttributes(attribute.StringSlice("shop.tags", []string{"new", "gift"}), attribute.String("shop.note", "grüße ☕"))
	other := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{15: 7}, SpanID: trace.SpanID{7: 9}, Remote: true})
	link := trace.Link{SpanContext: other, Attributes: []attribute.KeyValue{attribute.String("why", "retry")}}
	_, pay := tracer.Start(ctx, "pay", trace.WithSpanKind(trace.SpanKindClient), trace.WithLinks(link))
	pay.SetAttributes(attribute.Int("shop.items", 3), attribute.Float64("shop.ratio", 0.25),
		attribute.Bool("shop.paid", true), attribute.String("shop.user", "ann"))
	pay.AddEvent("charged", trace.WithAttributes(attribute.Float64("amount", 12.5), attribute.Int("tries", 2)))
	pay.RecordError(errors.New("card refused"))
	pay.SetStatus(codes.Error, "card refused")
	pay.End()
	root.End()
}

func normal(span sdk.ReadOnlySpan) object {
	parent := ""
	if span.Parent().SpanID().IsValid() {
		parent = span.Parent().SpanID().String()
	}
	events := []object{}
	for _, event := range span.Events() {
		events = append(events, object{"time": fmt.Sprint(event.Time.UnixNano()), "name": event.Name, "attributes": attributes(event.Attributes)})
	}
	links := []object{}
	for _, link := range span.Links() {
		context := link.SpanContext
		links = append(links, object{"trace_id": context.TraceID().String(), "span_id": context.SpanID().String(), "attributes": attributes(link.Attributes)})
	}
	// The SDK numbers Error 1 and Ok 2; OTLP numbers them 2 and 1.
	status := map[codes.Code]int{codes.Unset: 0, codes.Ok: 1, codes.Error: 2}[span.Status().Code]
	scope := span.InstrumentationScope()
	return object{
		"trace_id": span.SpanContext().TraceID().String(), "span_id": span.SpanContext().SpanID().String(),
		"parent_span_id": parent, "name": span.Name(), "kind": int(span.SpanKind()),
		"start": fmt.Sprint(span.StartTime().UnixNano()), "end": fmt.Sprint(span.EndTime().UnixNano()),
		"trace_state": span.SpanContext().TraceState().String(), "attributes": attributes(span.Attributes()),
		"events": events, "links": links, "status": object{"code": status, "message": span.Status().Description},
		"resource": attributes(span.Resource().Attributes()), "scope": object{"name": scope.Name, "version": scope.Version},
	}
}

func attributes(items []attribute.KeyValue) object {
	found := object{}
	for _, item := range items {
		found[string(item.Key)] = anyValue(item.Value)
	}
	return found
}

func anyValue(value attribute.Value) object {
	switch value.Type() {
	case attribute.BOOL:
		return object{"boolValue": value.AsBool()}
	case attribute.INT64:
		return object{"intValue": strconv.FormatInt(value.AsInt64(), 10)}
	case attribute.FLOAT64:
		return object{"doubleValue": value.AsFloat64()}
	case attribute.STRINGSLICE:
		values := []object{}
		for _, text := range value.AsStringSlice() {
			values = append(values, object{"stringValue": text})
		}
		return object{"arrayValue": values}
	default:
		return object{"stringValue": value.AsString()}
	}
}
