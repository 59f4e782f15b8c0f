import brave.Span;
import brave.Tracer;
import brave.Tracing;
import java.util.TreeMap;
import java.util.stream.Collectors;

import zipkin2.reporter.AsyncReporter;
import zipkin2.reporter.Encoding;
import zipkin2.reporter.SpanBytesEncoder;
import zipkin2.reporter.brave.ZipkinSpanHandler;
import zipkin2.reporter.urlconnection.URLConnectionSender;

/** Sends one trace with Brave, a call shared by both its sides. Usage: java Send ENCODER HOST:PORT SERVICE. */
public final class Send {
  public static void main(String[] arguments) {
    SpanBytesEncoder encoder = SpanBytesEncoder.valueOf(arguments[0]);
    boolean isFirst = encoder == SpanBytesEncoder.JSON_V1 || encoder == SpanBytesEncoder.THRIFT;
    Encoding encoding =
        switch (encoder) {
          case PROTO3 -> Encoding.PROTO3;
          case THRIFT -> Encoding.THRIFT;
          default -> Encoding.JSON;
        };
    URLConnectionSender sender =
        URLConnectionSender.newBuilder()
            .endpoint("http://" + arguments[1] + (isFirst ? "/api/v1/spans" : "/api/v2/spans"))
            .encoding(encoding)
            .build();
    AsyncReporter<zipkin2.Span> reporter = AsyncReporter.builder(sender).build(encoder);
    Tracing tracing =
        Tracing.newBuilder()
            .localServiceName(arguments[2])
            .localIp("10.1.2.3")
            .localPort(8080)
            .traceId128Bit(true)
            .addSpanHandler(ZipkinSpanHandler.create(reporter))
            .build();
    TreeMap<String, String> names = shop(tracing.tracer());
    tracing.close();
    reporter.flush();
    reporter.close();
    sender.close();
    String told =
        names.entrySet().stream()
            .map(name -> "\"" + name.getKey() + "\":\"" + name.getValue() + "\"")
            .collect(Collectors.joining(","));
    System.out.println("{" + told + "}");
  }

  private static TreeMap<String, String> shop(Tracer tracer) {
    long start = System.currentTimeMillis() * 1000;
    Span checkout = tracer.newTrace().name("checkout").kind(Span.Kind.SERVER).start(start);
    checkout.tag("shop.note", "grüße ☕");
    Span pay = tracer.newChild(checkout.context()).name("pay").kind(Span.Kind.CLIENT).start(start + 250_000);
    pay.remoteServiceName("bank");
    pay.remoteIpAndPort("10.9.8.7", 443);
    pay.tag("shop.items", "3");
    pay.annotate(start + 500_000, "charged");
    Span charge = tracer.joinSpan(pay.context()).name("charge").kind(Span.Kind.SERVER).start(start + 500_000);
    charge.tag("error", "card refused");
    charge.finish(start + 750_000);
    pay.finish(start + 1_000_000);
    Span receipt = tracer.newChild(checkout.context()).name("receipt").kind(Span.Kind.PRODUCER).start(start + 1_000_000);
    receipt.finish(start + 1_250_000);
    checkout.finish(start + 1_500_000);
    TreeMap<String, String> names = new TreeMap<>();
    names.put("trace", checkout.context().traceIdString());
    names.put("checkout", checkout.context().spanIdString());
    names.put("pay", pay.context().spanIdString());
    names.put("receipt", receipt.context().spanIdString());
    for (int quarters = 0; quarters < 7; quarters++) {
      names.put("t" + quarters, (start + quarters * 250_000L) + "000");
    }
    return names;
  }
}
