#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace datasync::bench {

/// How many requests carry how many events, and in which form.
enum class BatchForm : std::uint8_t { kSingle, kArray, kNdjson };

/// Who changes the records.
enum class Writers : std::uint8_t {
  kOne,     ///< CoreLDove, for both targets
  kSolo,    ///< CoreLDove, for bizosaas alone
  kRivals,  ///< bizoholic and CoreLDove in turns, for bizosaas: neither hears of the other, so each event is a conflict
};

/// Which user of which tenant an event is about. Its number also tells its tenant.
struct EventChoice {
  std::uint64_t record = 0;
  bool is_new = false;     ///< `user_created` rather than `user_updated`
  std::uint64_t turn = 0;  ///< how often a known record was chosen before
};

/// Chooses records so that the same one comes back as late as possible: two changes of one record soon after one
/// another would measure waiting and collapsing, not the path.
class RecordChooser {
 public:
  struct Options {
    double known_share = 1.0;  ///< 0..1: of events about records below `records`, spread evenly
    std::uint64_t records = 10'000;
    std::uint64_t first_new = 0;  ///< number of the first record that nobody knows yet
  };
  explicit RecordChooser(Options options) : options_(options) {}

  [[nodiscard]] EventChoice next();

 private:
  Options options_;
  std::uint64_t known_ = 0;
  std::uint64_t made_ = 0;
  double known_due_ = 0;
};

/// Writes events of some 600 bytes: users on their way to bizoholic and bizosaas. Everything stands at a fixed place,
/// so that an event costs a copy and a few digits.
///
/// Two fields are for the sinks: `bench_n`, the event's number plus `kNumberBase`, and `bench_us`, when it should have
/// been sent, plus `kTimeBase`. The bases give both a fixed width.
class EventWriter {
 public:
  static constexpr std::uint64_t kNumberBase = 1'000'000'000;
  static constexpr std::uint64_t kTimeBase = 1'000'000'000'000'000;

  /// `run` keeps the records of different runs apart; letters and digits only.
  EventWriter(std::string_view run, std::uint64_t tenants, Writers writers = Writers::kOne);

  struct Event {
    EventChoice choice;
    std::uint64_t number = 0;
    std::uint64_t due_us = 0;
  };
  /// Appends one event as JSON.
  void append(const Event& event, std::string& to) const;

 private:
  struct Hole {
    std::size_t position = 0;
    std::size_t width = 0;
  };
  /// An event of one writer; `#` marks what differs from one to the next.
  struct Form {
    explicit Form(std::string text);
    std::string text;
    Hole verb, tenant, id, name, email, number, due;
  };
  std::vector<Form> forms_;  // the writers take turns
  std::uint64_t tenants_;
};

/// The head and body of a request with these events.
void append_request(BatchForm form, std::string_view path, const EventWriter& writer,
                    const std::vector<EventWriter::Event>& events, std::string& to);

}  // namespace datasync::bench
