// Sends one trace with OpenTelemetry's SDK. Usage: client EXPORTER ENDPOINT SERVICE
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/zipkin"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// told keeps what the SDK recorded of ids and times, the latter rounded to units as its exporter does.
type told struct {
	names map[string]string
	unit  int64
}

func (t told) rounded(nanoseconds int64) int64 { return (nanoseconds + t.unit/2) / t.unit * t.unit }

func (t told) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (t told) OnEnd(span sdk.ReadOnlySpan) {
	t.names["trace"] = span.SpanContext().TraceID().String()
	t.names[span.Name()] = span.SpanContext().SpanID().String()
	start := t.rounded(span.StartTime().UnixNano())
	t.names[span.Name()+".start"] = fmt.Sprint(start)
	// Of what lasted at all, the exporter makes one unit.
	lasted := max(t.rounded(span.EndTime().Sub(span.StartTime()).Nanoseconds()), t.unit)
	t.names[span.Name()+".end"] = fmt.Sprint(start + lasted)
	for _, event := range span.Events() {
		t.names[event.Name] = fmt.Sprint(t.rounded(event.Time.UnixNano()))
	}
}
func (t told) Shutdown(context.Context) error   { return nil }
func (t told) ForceFlush(context.Context) error { return nil }

func exporter(ctx context.Context, kind, endpoint string) (sdk.SpanExporter, error) {
	switch kind {
	case "otlp-grpc":
		return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(endpoint), otlptracegrpc.WithInsecure(), otlptracegrpc.WithCompressor("gzip"))
	case "otlp-http":
		return otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(endpoint), otlptracehttp.WithInsecure())
	default:
		return zipkin.New("http://" + endpoint + "/api/v2/spans")
	}
}

func main() {
	kind, endpoint, service := os.Args[1], os.Args[2], os.Args[3]
	ctx := context.Background()
	exporter, err := exporter(ctx, kind, endpoint)
	if err != nil {
		log.Fatal(err)
	}
	recorded := told{names: map[string]string{}, unit: 1}
	if kind == "zipkin" {
		recorded.unit = 1000
	}
	provider := sdk.NewTracerProvider(
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", service), attribute.Int("shop.floor", 2))),
		sdk.WithSpanProcessor(recorded),
		sdk.WithBatcher(exporter))
	shop(ctx, provider.Tracer("shop", trace.WithInstrumentationVersion("1.2.3")))
	if err := provider.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(recorded.names); err != nil {
		log.Fatal(err)
	}
}

func shop(ctx context.Context, tracer trace.Tracer) {
	ctx, checkout := tracer.Start(ctx, "checkout", trace.WithSpanKind(trace.SpanKindServer))
	checkout.SetAttributes(attribute.StringSlice("shop.tags", []string{"new", "gift"}),
		attribute.String("shop.note", "grüße ☕"), attribute.IntSlice("shop.counts", []int{1, 2}))
	state, err := trace.ParseTraceState("rojo=00f067aa0ba902b7")
	if err != nil {
		log.Fatal(err)
	}
	other := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{7: 7, 15: 7}, SpanID: trace.SpanID{7: 9}, TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true,
	})
	link := trace.Link{SpanContext: other, Attributes: []attribute.KeyValue{attribute.String("why", "retry")}}
	_, pay := tracer.Start(ctx, "pay", trace.WithSpanKind(trace.SpanKindClient), trace.WithLinks(link))
	pay.SetAttributes(attribute.Int("shop.items", 3), attribute.Float64("shop.ratio", 0.25),
		attribute.Bool("shop.paid", true), attribute.String("shop.user", "ann"))
	pay.AddEvent("charged", trace.WithAttributes(attribute.Float64("amount", 12.5), attribute.Int("tries", 2)))
	pay.SetStatus(codes.Error, "card refused")
	pay.End()
	_, receipt := tracer.Start(ctx, "receipt", trace.WithSpanKind(trace.SpanKindProducer))
	receipt.SetStatus(codes.Ok, "")
	receipt.End()
	checkout.End()
}
