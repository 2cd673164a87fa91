#include "storage/transfer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "domain/json.h"
#include "storage/codec/export_codec.h"
#include "storage/engines.h"

namespace datasync::storage {
namespace {

constexpr std::size_t kChunkBytes = 256 << 10;
constexpr std::size_t kBatchRows = 1000;

class Exporter {
 public:
  Exporter(Contents& contents, const ExportSink& sink) : contents_(contents), sink_(sink) {}

  Result<ContentCounts> run() {
    const auto marks = contents_.marks();
    if (!marks) return fail(marks.error());
    append_export_line(text_, *marks);
    const auto lanes = contents_.lane_states();
    if (!lanes) return fail(lanes.error());
    DATASYNC_TRY(put(*lanes, counts_.lane_states));
    DATASYNC_TRY(put_all([this] { return contents_.next_records(); }, counts_.records));
    DATASYNC_TRY(put_all([this] { return contents_.next_identities(); }, counts_.identities));
    DATASYNC_TRY(put_all([this] { return contents_.next_events(); }, counts_.events));
    DATASYNC_TRY(put_all([this] { return contents_.next_conflicts(); }, counts_.conflicts));
    append_export_line(text_, counts_);
    DATASYNC_TRY(flush());
    return counts_;
  }

 private:
  template <typename Next>
  Result<void> put_all(Next next, std::int64_t& count) {
    for (;;) {
      const auto page = next();
      if (!page) return fail(page.error());
      if (page->empty()) return {};
      DATASYNC_TRY(put(*page, count));
    }
  }

  template <typename Part>
  Result<void> put(const std::vector<Part>& page, std::int64_t& count) {
    for (const Part& part : page) {
      append_export_line(text_, part);
      ++count;
      if (text_.size() >= kChunkBytes) DATASYNC_TRY(flush());
    }
    return {};
  }

  Result<void> flush() {
    // Nobody could read it again; better to hear of it while the data are where they were.
    if (!is_utf8(text_)) return fail(ErrorCode::kCorrupt, "a stored value is damaged: it is no UTF-8");
    DATASYNC_TRY(sink_(text_));
    text_.clear();
    return {};
  }

  Contents& contents_;
  const ExportSink& sink_;
  std::string text_;
  ContentCounts counts_;
};

class Importer {
 public:
  explicit Importer(std::string location) : location_(std::move(location)) {}

  Result<void> begin(const ContentMarks& marks) {
    marks_ = marks;
    DATASYNC_TRY(begin_import(location_, marks));
    auto store = open_store({location_, "data-sync import", true});
    if (!store) return fail(std::move(store).error());
    store_ = std::move(*store);
    batch_.log_positions = marks.log_positions;
    return {};
  }

  [[nodiscard]] bool begun() const noexcept { return store_ != nullptr; }

  Result<void> take(ExportLine line) {
    if (line.lane_state) {
      batch_.lane_states.push_back(std::move(*line.lane_state));
      ++counts_.lane_states;
    } else if (line.record) {
      batch_.records.push_back({std::make_shared<Record>(std::move(*line.record)), RecordVersion{}, false});
      ++counts_.records;
    } else if (line.identity) {
      batch_.identities.push_back(std::move(*line.identity));
      ++counts_.identities;
    } else if (line.conflict) {
      batch_.conflicts.push_back(std::move(*line.conflict));
      ++counts_.conflicts;
    } else if (line.event) {
      take_event(std::move(*line.event));
      ++counts_.events;
    } else {
      return fail(ErrorCode::kCorrupt, "this line stands in the wrong place");
    }
    return ++rows_ < kBatchRows ? Result<void>{} : flush();
  }

  Result<ContentCounts> end(const ContentCounts& told) {
    DATASYNC_TRY(flush());
    if (told != counts_) {
      return fail(ErrorCode::kCorrupt, "the export says that it has " + std::to_string(told.events) + " events and " +
                                           std::to_string(told.records) + " records, and it has " +
                                           std::to_string(counts_.events) + " and " + std::to_string(counts_.records));
    }
    store_.reset();
    DATASYNC_TRY(end_import(location_, marks_.last_sequence));
    return counts_;
  }

 private:
  void take_event(ContentEvent content) {
    const Event& event = *content.stored.event;
    NewEvent fresh{content.stored.event, {event_key_of(event.id.str())}, content_hash_of(event)};
    fresh.keys.insert(fresh.keys.end(), content.more_keys.begin(), content.more_keys.end());
    batch_.events.push_back(std::move(fresh));
    const EventStatus status = content.stored.state.status;
    const bool is_open = status == EventStatus::kPending || status == EventStatus::kProcessing;
    if (is_open && low_water_.value == 0) low_water_ = event.sequence;
    batch_.low_water = low_water_.value == 0 ? event.sequence : low_water_;
    batch_.states.push_back(std::move(content.stored.state));
    if (content.history) batch_.history.push_back(std::move(*content.history));
  }

  Result<void> flush() {
    rows_ = 0;
    if (batch_.empty()) return {};
    DATASYNC_TRY(store_->commit(batch_));
    batch_.clear();
    store_->maintain();
    return {};
  }

  std::string location_;
  std::unique_ptr<Store> store_;
  ContentMarks marks_;
  WriteBatch batch_;
  Sequence low_water_{};  // the first event that is not final; 0: none yet
  std::size_t rows_ = 0;
  ContentCounts counts_;
};

Result<void> take_line(Importer& importer, const std::string& text, std::optional<ContentCounts>& told) {
  auto line = read_export_line(text);
  if (!line) return fail(std::move(line).error());
  if (told) return fail(ErrorCode::kCorrupt, "there is more behind the end of the export");
  if (line->counts && importer.begun()) {
    told = line->counts;
    return {};
  }
  if (line->marks && !importer.begun()) return importer.begin(*line->marks);
  if (!importer.begun()) return fail(ErrorCode::kCorrupt, "an export begins with `data_sync_export`");
  return importer.take(std::move(*line));
}

}  // namespace

Result<ContentCounts> export_contents(const std::string& location, const ExportSink& sink) {
  const auto contents = open_contents(location);
  if (!contents) return fail(contents.error());
  return Exporter(**contents, sink).run();
}

Result<ContentCounts> import_contents(const std::string& location, const ExportSource& source) {
  Importer importer(location);
  std::optional<ContentCounts> told;
  std::string text;
  for (std::int64_t number = 1;; ++number) {
    const auto more = source(text);
    if (!more) return fail(more.error());
    if (!*more) break;
    if (auto taken = take_line(importer, text, told); !taken) {
      Error error = std::move(taken).error();
      error.message = "line " + std::to_string(number) + ": " + error.message;
      return fail(std::move(error));
    }
  }
  if (!told) return fail(ErrorCode::kCorrupt, "the export was cut: its last line is missing");
  return importer.end(*told);
}

}  // namespace datasync::storage
