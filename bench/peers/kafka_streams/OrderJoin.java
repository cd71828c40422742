import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams: Processor API over a persistent, logged, cached store. The state of a call is the bytes that came,
 * joined, never encoded anew; of an incoming record only the three fields that the join needs are read.
 */
public final class OrderJoin {
    private static final byte SEPARATOR = 0x1e;
    private static final byte[] DONE = {'D'};

    private record Head(byte kind, int expected, String eventId) {}

    private static final class Join implements Processor<byte[], byte[], byte[], byte[]> {
        private final JsonFactory json = new JsonFactory();
        private KeyValueStore<byte[], byte[]> store;
        private ProcessorContext<byte[], byte[]> context;

        @Override
        public void init(ProcessorContext<byte[], byte[]> given) {
            context = given;
            store = given.getStateStore("calls");
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            byte[] row = store.get(record.key());
            if (Arrays.equals(row, DONE)) return;
            Head head = read(record.value());
            byte[] grown = append(row, head, record.value());
            int expected = -1;
            int tools = 0;
            boolean evaluated = false;
            List<String> ids = new ArrayList<>(4);
            List<int[]> fragments = new ArrayList<>(4);
            for (int from = 0; from < grown.length; ) {
                int to = from;
                while (to < grown.length && grown[to] != SEPARATOR) to++;
                int first = indexOf(grown, '|', from + 2);
                int second = indexOf(grown, '|', first + 1);
                String id = new String(grown, first + 1, second - first - 1, StandardCharsets.UTF_8);
                if (ids.contains(id)) return;
                ids.add(id);
                fragments.add(new int[] {second + 1, to});
                if (grown[from] == 'c') {
                    expected = Integer.parseInt(new String(grown, from + 2, first - from - 2, StandardCharsets.US_ASCII));
                } else if (grown[from] == 't') {
                    tools++;
                } else {
                    evaluated = true;
                }
                from = to + 1;
            }
            if (evaluated && expected >= 0 && tools >= expected) {
                context.forward(record.withValue(order(record.key(), ids, fragments, grown)));
                store.put(record.key(), DONE);
            } else {
                store.put(record.key(), grown);
            }
        }

        private Head read(byte[] value) {
            try (JsonParser parser = json.createParser(value)) {
                String type = null;
                String eventId = null;
                int expected = -1;
                int depth = 0;
                boolean inEvent = false;
                for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                    if (token == JsonToken.START_OBJECT || token == JsonToken.START_ARRAY) {
                        depth++;
                    } else if (token == JsonToken.END_OBJECT || token == JsonToken.END_ARRAY) {
                        depth--;
                        if (depth == 1) inEvent = false;
                    } else if (token == JsonToken.FIELD_NAME) {
                        String name = parser.currentName();
                        if (depth == 1 && name.equals("event")) {
                            inEvent = true;
                        } else if (depth == 2 && inEvent) {
                            switch (name) {
                                case "type" -> type = parser.nextTextValue();
                                case "eventId" -> eventId = parser.nextTextValue();
                                case "expectedToolCalls" -> expected = parser.nextIntValue(-1);
                                default -> { }
                            }
                        }
                    }
                }
                byte kind = (byte) (type.equals("call-ended") ? 'c' : type.equals("tool-call") ? 't' : 'e');
                return new Head(kind, expected, eventId);
            } catch (java.io.IOException error) {
                throw new IllegalArgumentException(error);
            }
        }

        private static byte[] append(byte[] row, Head head, byte[] value) {
            String expected = head.kind() == 'c' ? Integer.toString(head.expected()) : "";
            byte[] start = ((char) head.kind() + "|" + expected + "|" + head.eventId() + "|").getBytes(StandardCharsets.UTF_8);
            int before = row == null ? 0 : row.length + 1;
            byte[] grown = new byte[before + start.length + value.length];
            if (row != null) {
                System.arraycopy(row, 0, grown, 0, row.length);
                grown[row.length] = SEPARATOR;
            }
            System.arraycopy(start, 0, grown, before, start.length);
            System.arraycopy(value, 0, grown, before + start.length, value.length);
            return grown;
        }

        private static int indexOf(byte[] bytes, char wanted, int from) {
            int at = from;
            while (bytes[at] != wanted) at++;
            return at;
        }

        private static byte[] order(byte[] key, List<String> ids, List<int[]> fragments, byte[] grown) {
            String call = new String(key, StandardCharsets.UTF_8);
            List<String> sorted = new ArrayList<>(ids);
            sorted.sort(null);
            ByteArrayOutputStream out = new ByteArrayOutputStream(grown.length + 400);
            out.writeBytes(("{\"schemaVersion\":1,\"orderId\":\"" + call + "/1\",\"canonicalCallId\":\"" + call
                    + "\",\"version\":1,\"completedBy\":\"all_evidence\",\"evidence\":[\"" + String.join("\",\"", sorted)
                    + "\"],\"items\":[").getBytes(StandardCharsets.UTF_8));
            for (int index = 0; index < fragments.size(); index++) {
                if (index > 0) out.write(',');
                int[] place = fragments.get(index);
                out.write(grown, place[0], place[1] - place[0]);
            }
            out.writeBytes("]}".getBytes(StandardCharsets.UTF_8));
            return out.toByteArray();
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        Map<String, String> told = System.getenv();
        String guarantee = told.get("BENCH_GUARANTEE");
        Properties settings = new Properties();
        settings.put("application.id", told.get("BENCH_GROUP"));
        settings.put("bootstrap.servers", told.get("BENCH_BOOTSTRAP"));
        settings.put("state.dir", told.get("BENCH_STATE_DIR"));
        settings.put("num.stream.threads", 1);
        settings.put("replication.factor", 1);
        settings.put("processing.guarantee", guarantee);
        settings.put("commit.interval.ms", guarantee.startsWith("exactly") ? 100 : 1000);
        settings.put("statestore.cache.max.bytes", 100L << 20);
        settings.put("auto.offset.reset", "earliest");
        settings.put("producer.linger.ms", 20);
        settings.put("producer.batch.size", 256 << 10);
        settings.put("producer.max.request.size", 8 << 20);
        settings.put("producer.buffer.memory", 64L << 20);

        Topology topology = new Topology();
        topology.addSource("evidence", new ByteArrayDeserializer(), new ByteArrayDeserializer(), told.get("BENCH_INPUT"));
        topology.addProcessor("join", Join::new, "evidence");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("calls"), Serdes.ByteArray(), Serdes.ByteArray())
                        .withLoggingEnabled(Map.of("max.message.bytes", Integer.toString(8 << 20)))
                        .withCachingEnabled(),
                "join");
        topology.addSink("orders", told.get("BENCH_OUTPUT"), new ByteArraySerializer(), new ByteArraySerializer(), "join");

        KafkaStreams streams = new KafkaStreams(topology, settings);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(15));
            stopped.countDown();
        }));
        streams.start();
        stopped.await();
    }
}
