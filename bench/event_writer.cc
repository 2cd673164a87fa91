#include "event_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace datasync::bench {
namespace {

/// Writes a number into a hole, with leading zeros.
void write_digits(char* begin, std::size_t width, std::uint64_t value) {
  for (char* digit = begin + width; digit != begin; value /= 10) *--digit = static_cast<char>('0' + value % 10);
}

void write_word(char* begin, std::string_view word) {
  std::copy(word.begin(), word.end(), begin);
}

struct Source {
  std::string_view platform;
  std::string_view id, name, email, phone;  // its names of the fields
};
constexpr std::string_view kBoth = R"("bizoholic","bizosaas")", kThird = R"("bizosaas")";
constexpr Source kCoreldove{"coreldove", "customer_id", "customer_name", "customer_email", "customer_phone"};
constexpr Source kBizoholic{"bizoholic", "user_id", "full_name", "email_address", "phone_number"};

std::string text_of_events(std::string_view run, const Source& source, std::string_view targets) {
  return fmt::format(
      R"({{"event_type":"user_#######","source_platform":"{}","target_platforms":[{}],"tenant_id":"tenant-####",)"
      R"("data":{{"{}":"{}-#########","{}":"Asha Raman #########","{}":"{}-#########@customers.example",)"
      R"("{}":"+91 80 5550 0100","bench_n":##########,"bench_us":################,"loyalty_points":1250,)"
      R"("profile_data":{{"city":"Bengaluru","country":"IN","language":"en-IN","newsletter":true,)"
      R"("segment":"returning","last_category":"kitchen","favourites":["kettles","lamps","notebooks"],)"
      R"("note":"Prefers delivery in the evening and pays on delivery."}}}}}})",
      source.platform, targets, source.id, run, source.name, source.email, run, source.phone);
}

}  // namespace

EventChoice RecordChooser::next() {
  known_due_ += options_.known_share;
  if (known_due_ >= 1.0 && options_.records > 0) {
    known_due_ -= 1.0;
    const std::uint64_t chosen = known_++;
    return {.record = chosen % options_.records, .is_new = false, .turn = chosen / options_.records};
  }
  return {.record = options_.first_new + made_++, .is_new = true, .turn = 0};
}

EventWriter::Form::Form(std::string events) : text(std::move(events)) {
  std::size_t from = 0;
  for (Hole* hole : {&verb, &tenant, &id, &name, &email, &number, &due}) {
    hole->position = text.find('#', from);
    from = text.find_first_not_of('#', hole->position);
    hole->width = from - hole->position;
  }
}

EventWriter::EventWriter(std::string_view run, std::uint64_t tenants, Writers writers)
    : tenants_(std::max<std::uint64_t>(tenants, 1)) {
  if (writers == Writers::kRivals) forms_.emplace_back(text_of_events(run, kBizoholic, kThird));
  forms_.emplace_back(text_of_events(run, kCoreldove, writers == Writers::kOne ? kBoth : kThird));
}

void EventWriter::append(const Event& event, std::string& to) const {
  const Form& form = forms_[event.choice.turn % forms_.size()];
  const std::size_t begin = to.size();
  to += form.text;
  char* const text = &to[begin];
  const auto digits = [text](Hole hole, std::uint64_t value) { write_digits(text + hole.position, hole.width, value); };
  write_word(text + form.verb.position, event.choice.is_new ? "created" : "updated");
  digits(form.tenant, event.choice.record % tenants_);
  digits(form.id, event.choice.record);
  digits(form.name, event.choice.record);
  digits(form.email, event.choice.record);
  digits(form.number, kNumberBase + event.number);
  digits(form.due, kTimeBase + event.due_us);
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
