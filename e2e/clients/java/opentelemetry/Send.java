import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.exporter.zipkin.ZipkinSpanExporter;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.ReadWriteSpan;
import io.opentelemetry.sdk.trace.ReadableSpan;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** Sends one trace with OpenTelemetry's SDK. Usage: java Send EXPORTER ENDPOINT SERVICE. */
public final class Send {
  private static final TreeMap<String, String> NAMES = new TreeMap<>();

  public static void main(String[] arguments) {
    String kind = arguments[0];
    // Zipkin's times are whole microseconds.
    long unit = kind.equals("zipkin") ? 1000 : 1;
    Resource resource =
        Resource.create(
            Attributes.builder().put("service.name", arguments[2]).put("shop.floor", 2).build());
    SdkTracerProvider provider =
        SdkTracerProvider.builder()
            .setResource(resource)
            .addSpanProcessor(new Told(unit))
            .addSpanProcessor(BatchSpanProcessor.builder(exporter(kind, arguments[1])).build())
            .build();
    shop(provider.tracerBuilder("shop").setInstrumentationVersion("1.2.3").build());
    provider.shutdown().join(30, TimeUnit.SECONDS);
    String told =
        NAMES.entrySet().stream()
            .map(name -> "\"" + name.getKey() + "\":\"" + name.getValue() + "\"")
            .collect(Collectors.joining(","));
    System.out.println("{" + told + "}");
  }

  private static SpanExporter exporter(String kind, String endpoint) {
    return switch (kind) {
      case "otlp-grpc" ->
          OtlpGrpcSpanExporter.builder().setEndpoint("http://" + endpoint).setCompression("gzip").build();
      case "otlp-http" -> OtlpHttpSpanExporter.builder().setEndpoint("http://" + endpoint + "/v1/traces").build();
      default -> ZipkinSpanExporter.builder().setEndpoint("http://" + endpoint + "/api/v2/spans").build();
    };
  }

  private static void shop(Tracer tracer) {
    Span checkout = tracer.spanBuilder("checkout").setSpanKind(SpanKind.SERVER).startSpan();
    checkout.setAttribute(AttributeKey.stringArrayKey("shop.tags"), java.util.List.of("new", "gift"));
    checkout.setAttribute(AttributeKey.longArrayKey("shop.counts"), java.util.List.of(1L, 2L));
    checkout.setAttribute("shop.note", "grüße ☕");
    Context inside = Context.current().with(checkout);
    SpanContext other =
        SpanContext.createFromRemoteParent(
            "00000000000000070000000000000007",
            "0000000000000009",
            TraceFlags.getSampled(),
            TraceState.builder().put("rojo", "00f067aa0ba902b7").build());
    Span pay =
        tracer
            .spanBuilder("pay")
            .setParent(inside)
            .setSpanKind(SpanKind.CLIENT)
            .addLink(other, Attributes.builder().put("why", "retry").build())
            .startSpan();
    pay.setAttribute("shop.items", 3);
    pay.setAttribute("shop.ratio", 0.25);
    pay.setAttribute("shop.paid", true);
    pay.setAttribute("shop.user", "ann");
    pay.addEvent("charged", Attributes.builder().put("amount", 12.5).put("tries", 2).build());
    pay.setStatus(StatusCode.ERROR, "card refused");
    pay.end();
    Span receipt = tracer.spanBuilder("receipt").setParent(inside).setSpanKind(SpanKind.PRODUCER).startSpan();
    receipt.setStatus(StatusCode.OK);
    receipt.end();
    checkout.end();
  }

  /** Keeps what the SDK recorded of ids and times, the latter in whole units. */
  private record Told(long unit) implements SpanProcessor {
    @Override
    public void onStart(Context parent, ReadWriteSpan span) {}

    @Override
    public boolean isStartRequired() {
      return false;
    }

    @Override
    public void onEnd(ReadableSpan span) {
      var data = span.toSpanData();
      NAMES.put("trace", data.getTraceId());
      NAMES.put(data.getName(), data.getSpanId());
      long start = whole(data.getStartEpochNanos());
      NAMES.put(data.getName() + ".start", String.valueOf(start));
      // Of what lasted at all, the exporter makes one unit.
      long end = Math.max(whole(data.getEndEpochNanos()), start + unit);
      NAMES.put(data.getName() + ".end", String.valueOf(end));
      data.getEvents()
          .forEach(event -> NAMES.put(event.getName(), String.valueOf(whole(event.getEpochNanos()))));
    }

    @Override
    public boolean isEndRequired() {
      return true;
    }

    private long whole(long nanoseconds) {
      return nanoseconds / unit * unit;
    }
  }
}
