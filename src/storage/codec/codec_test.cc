#include <gtest/gtest.h>

#include "base/random.h"
#include "storage/codec/compact_json.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/record_codec.h"
#include "storage/store_test_support.h"

namespace datasync::storage {
namespace {

using namespace test;

TEST(Envelope, CompressesWhatIsLargeAndLeavesTheRestReadable) {
  std::string buffer;
  for (const std::size_t size : {0, 1, 2047, 2048, 100'000}) {
    const std::string text(size, 'x');
    std::string envelope;
    append_envelope(envelope, text);
    EXPECT_EQ(static_cast<Codec>(envelope.front()), size < kCompressFromBytes ? Codec::kPlain : Codec::kZstd) << size;
    EXPECT_EQ(*open_envelope(envelope, buffer), text);
  }
  std::string noise;
  const auto random = make_seeded_random(1);
  for (int i = 0; i < 5000; ++i) noise += static_cast<char>(random->next() & 0xffU);
  std::string envelope;
  append_envelope(envelope, noise);
  EXPECT_EQ(envelope.size(), noise.size() + 1) << "what does not shrink stays plain";
}

/// Whatever a bit does to stored bytes, reading them ends with a value or with kCorrupt.
TEST(Codec, DamagedBytesAreRefusedOrReadButNeverLeadAstray) {
  const auto random = make_seeded_random(2);
  std::string event, record, history, results;
  append_event_body(event, make_event(1), {{1, 2}});
  append_record_body(record, make_record(1, 1));
  append_history_body(history, make_history(1, 1, 2).overwritten);
  append_results(results, make_state(1, EventStatus::kRetry).results);
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    for (const std::string* whole : {&event, &record, &history, &results}) {
      std::string damaged = *whole;
      if (i % 3 == 0) damaged.resize(random->next() % damaged.size());
      if (!damaged.empty()) damaged[random->next() % damaged.size()] ^= static_cast<char>(1U << (random->next() % 8));
      Event event_read;
      Record record_read;
      std::vector<Hash128> keys;
      const bool read = whole == &event     ? read_event_body(damaged, event_read, &keys).has_value()
                        : whole == &record  ? read_record_body(damaged, record_read).has_value()
                        : whole == &history ? read_history_body(damaged).has_value()
                                            : read_results(damaged).has_value();
      if (!read) ++refused;
    }
  }
  EXPECT_GT(refused, 10'000);
}

TEST(Codec, AResultKeepsItsRoomWhileItIsCompleted) {
  // The row is overwritten in place only while its length stays.
  EventState state = make_state(1, EventStatus::kCompleted);
  state.results = {state.results[0], state.results[0]};
  state.results[1].target = PlatformId("bizosaas");
  std::vector<DeliveryResult> pending(2);
  pending[0].target = state.results[0].target;
  pending[1].target = state.results[1].target;
  std::string before, after;
  append_results(before, pending);
  append_results(after, state.results);
  EXPECT_EQ(before.size(), after.size());
}

}  // namespace
}  // namespace datasync::storage
