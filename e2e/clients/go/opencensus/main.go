// Sends one trace with OpenCensus through its agent exporter. Usage: client HOST:PORT SERVICE
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"contrib.go.opencensus.io/exporter/ocagent"
	"go.opencensus.io/trace"
	"go.opencensus.io/trace/tracestate"
)

// told keeps what the library recorded of ids and times.
type told map[string]any

func (t told) ExportSpan(span *trace.SpanData) {
	t["trace"] = span.TraceID.String()
	t[span.Name] = span.SpanID.String()
	t[span.Name+".start"] = fmt.Sprint(span.StartTime.UnixNano())
	t[span.Name+".end"] = fmt.Sprint(span.EndTime.UnixNano())
	for _, annotation := range span.Annotations {
		t[annotation.Message] = fmt.Sprint(annotation.Time.UnixNano())
	}
	for _, event := range span.MessageEvents {
		t["message"] = fmt.Sprint(event.Time.UnixNano())
	}
}

func main() {
	address, service := os.Args[1], os.Args[2]
	exporter, err := ocagent.NewExporter(ocagent.WithInsecure(), ocagent.WithAddress(address), ocagent.WithServiceName(service))
	if err != nil {
		log.Fatal(err)
	}
	recorded := told{"pid": os.Getpid()}
	trace.RegisterExporter(exporter)
	trace.RegisterExporter(&recorded)
	trace.ApplyConfig(trace.Config{DefaultSampler: trace.AlwaysSample()})
	shop()
	exporter.Flush()
	if err := exporter.Stop(); err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(recorded); err != nil {
		log.Fatal(err)
	}
}

func shop() {
	state, err := tracestate.New(nil, tracestate.Entry{Key: "rojo", Value: "00f067aa0ba902b7"})
	if err != nil {
		log.Fatal(err)
	}
	caller := trace.SpanContext{TraceID: trace.TraceID{0: 1, 15: 7}, SpanID: trace.SpanID{7: 9}, TraceOptions: 1, Tracestate: state}
	ctx, checkout := trace.StartSpanWithRemoteParent(context.Background(), "checkout", caller, trace.WithSpanKind(trace.SpanKindServer))
	checkout.AddAttributes(trace.StringAttribute("shop.note", "grüße ☕"))
	_, pay := trace.StartSpan(ctx, "pay", trace.WithSpanKind(trace.SpanKindClient))
	pay.AddAttributes(trace.Int64Attribute("shop.items", 3), trace.Float64Attribute("shop.ratio", 0.25),
		trace.BoolAttribute("shop.paid", true), trace.StringAttribute("shop.user", "ann"))
	pay.Annotate([]trace.Attribute{trace.Float64Attribute("amount", 12.5), trace.Int64Attribute("tries", 2)}, "charged")
	pay.AddMessageSendEvent(42, 512, 128)
	pay.AddLink(trace.Link{TraceID: trace.TraceID{7: 7, 15: 7}, SpanID: trace.SpanID{7: 9}, Type: trace.LinkTypeParent,
		Attributes: map[string]any{"why": "retry"}})
	pay.SetStatus(trace.Status{Code: trace.StatusCodeUnknown, Message: "card refused"})
	pay.End()
	checkout.End()
}
