#include "event_writer.h"

#include <algorithm>

namespace datasync::bench {
namespace {

/// Writes a number into a hole, with leading zeros.
void write_digits(char* begin, std::size_t width, std::uint64_t value) {
  for (char* digit = begin + width; digit != begin; value /= 10) *--digit = static_cast<char>('0' + value % 10);
}

void write_word(char* begin, std::string_view word) {
  std::copy(word.begin(), word.end(), begin);
}

/// Every event of the benchmark; `#` marks what differs.
std::string text_of_events(std::string_view run) {
  std::string text =
      R"({"event_type":"user_#######","source_platform":"coreldove","target_platforms":["bizoholic","bizosaas"],)"
      R"("tenant_id":"tenant-####","data":{"customer_id":"RUN-#########","customer_name":"Asha Raman #########",)"
      R"("customer_email":"RUN-#########@customers.example","customer_phone":"+91 80 5550 0100",)"
      R"("bench_n":##########,"bench_us":################,"loyalty_points":1250,)"
      R"("profile_data":{"city":"Bengaluru","country":"IN","language":"en-IN","newsletter":true,"segment":"returning",)"
      R"("last_category":"kitchen","favourites":["kettles","lamps","notebooks"],)"
      R"("note":"Prefers delivery in the evening and pays on delivery."}}})";
  for (std::size_t at = text.find("RUN"); at != std::string::npos; at = text.find("RUN", at)) text.replace(at, 3, run);
  return text;
}

}  // namespace

EventChoice RecordChooser::next() {
  known_due_ += options_.known_share;
  if (known_due_ >= 1.0 && options_.records > 0) {
    known_due_ -= 1.0;
    return {.record = known_++ % options_.records, .is_new = false};
  }
  return {.record = options_.first_new + made_++, .is_new = true};
}

EventWriter::EventWriter(std::string_view run, std::uint64_t tenants)
    : text_(text_of_events(run)), tenants_(std::max<std::uint64_t>(tenants, 1)) {
  std::size_t from = 0;
  for (Hole* hole : {&verb_, &tenant_, &id_, &name_, &email_, &number_, &due_}) {
    hole->position = text_.find('#', from);
    from = text_.find_first_not_of('#', hole->position);
    hole->width = from - hole->position;
  }
}

void EventWriter::append(const Event& event, std::string& to) const {
  const std::size_t begin = to.size();
  to += text_;
  char* const text = &to[begin];
  const auto digits = [text](Hole hole, std::uint64_t value) { write_digits(text + hole.position, hole.width, value); };
  write_word(text + verb_.position, event.choice.is_new ? "created" : "updated");
  digits(tenant_, event.choice.record % tenants_);
  digits(id_, event.choice.record);
  digits(name_, event.choice.record);
  digits(email_, event.choice.record);
  digits(number_, kNumberBase + event.number);
  digits(due_, kTimeBase + event.due_us);
}

void append_request(BatchForm form, std::string_view path, const EventWriter& writer,
                    const std::vector<EventWriter::Event>& events, std::string& to) {
  static constexpr std::string_view kLengthHole = "00000000";
  to += "POST ";
  to += path;
  to += form == BatchForm::kSingle ? "/sync/events" : "/sync/events/batch";
  to += " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: ";
  to += form == BatchForm::kNdjson ? "application/x-ndjson" : "application/json";
  to += "\r\nContent-Length: ";
  const std::size_t length_at = to.size();
  to += kLengthHole;
  to += "\r\n\r\n";

  const std::size_t body_at = to.size();
  if (form == BatchForm::kArray) to += '[';
  for (const EventWriter::Event& event : events) {
    if (form == BatchForm::kArray && to.back() != '[') to += ',';
    writer.append(event, to);
    if (form == BatchForm::kNdjson) to += '\n';
  }
  if (form == BatchForm::kArray) to += ']';
  write_digits(&to[length_at], kLengthHole.size(), to.size() - body_at);
}

}  // namespace datasync::bench
