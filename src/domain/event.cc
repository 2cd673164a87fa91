#include "domain/event.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace datasync {
namespace {

template <typename Enum, std::size_t kCount>
std::optional<Enum> parse_name(const std::array<std::string_view, kCount>& names, std::string_view text) {
  const auto at = std::find(names.begin(), names.end(), text);
  if (at == names.end()) return std::nullopt;
  return static_cast<Enum>(at - names.begin());
}

constexpr std::array<std::string_view, 3> kVerbs{"created", "updated", "deleted"};
constexpr std::array<std::string_view, kPriorityCount> kPriorities{"critical", "high", "normal", "low"};
constexpr std::array<std::string_view, 7> kEventStatuses{"pending", "processing", "completed", "failed",
                                                         "retry",   "review",     "expired"};
constexpr std::array<std::string_view, 6> kResultStatuses{"pending", "completed", "failed",
                                                          "retry",   "review",    "skipped"};

void append_part(std::string& out, std::string_view part) {
  std::array<char, std::numeric_limits<std::size_t>::digits10 + 2> size;
  char* end = std::to_chars(size.data(), size.data() + size.size() - 1, part.size()).ptr;
  *end++ = ':';
  out.append(size.data(), end);
  out += part;
}

}  // namespace

std::string_view to_string(Verb verb) noexcept {
  return kVerbs[static_cast<std::size_t>(verb)];
}
std::string_view to_string(Priority priority) noexcept {
  return kPriorities[static_cast<std::size_t>(priority)];
}
std::string_view to_string(EventStatus status) noexcept {
  return kEventStatuses[static_cast<std::size_t>(status)];
}
std::string_view to_string(ResultStatus status) noexcept {
  return kResultStatuses[static_cast<std::size_t>(status)];
}
std::optional<EventStatus> parse_event_status(std::string_view text) {
  return parse_name<EventStatus>(kEventStatuses, text);
}
std::optional<ResultStatus> parse_result_status(std::string_view text) {
  return parse_name<ResultStatus>(kResultStatuses, text);
}

std::optional<EventType> parse_event_type(std::string_view text) {
  const auto split = text.rfind('_');
  if (split == std::string_view::npos || split == 0) return std::nullopt;
  const auto verb = parse_name<Verb>(kVerbs, text.substr(split + 1));
  if (!verb) return std::nullopt;
  return EventType{std::string(text.substr(0, split)), *verb};
}

Priority priority_of_wire(int wire) noexcept {
  if (wire <= 1) return Priority::kCritical;
  if (wire <= 3) return Priority::kHigh;
  if (wire <= 6) return Priority::kNormal;
  return Priority::kLow;
}

std::optional<int> wire_of_priority_name(std::string_view name) {
  static constexpr std::array<int, kPriorityCount> kWire{1, 2, 5, 8};
  const auto priority = parse_name<Priority>(kPriorities, name);
  if (!priority) return std::nullopt;
  return kWire[static_cast<std::size_t>(*priority)];
}

Timestamp event_time(const Event& event) noexcept {
  constexpr seconds kAheadMax{2};
  if (!event.occurred_at) return event.created_at;
  return std::min(*event.occurred_at, event.created_at + kAheadMax);
}

std::uint64_t order_key_of(const Event& event) {
  std::string key;
  key.reserve(96);
  append_part(key, event.tenant.str());
  append_part(key, event.entity);
  if (!event.entity_id.empty()) {
    append_part(key, event.entity_id.str());
  } else {
    append_part(key, event.source.str());
    append_part(key, event.own_id);
  }
  return hash64(key);
}

Hash128 content_hash_of(const Event& event) {
  std::string content;
  content.reserve(512);
  append_part(content, event.type);
  append_part(content, event.source.str());
  std::vector<std::string_view> targets;
  for (const PlatformId& target : event.targets) targets.push_back(target.str());
  std::sort(targets.begin(), targets.end());
  for (const std::string_view target : targets) append_part(content, target);
  append_part(content, event.entity_id.str());
  append_part(content, event.base_version ? std::to_string(*event.base_version) : "");
  event.data.append_json(content);
  return hash128(content);
}

EventStatus fold_status(const std::vector<DeliveryResult>& results) noexcept {
  const auto any = [&results](ResultStatus status) {
    return std::any_of(results.begin(), results.end(),
                       [status](const DeliveryResult& result) { return result.status == status; });
  };
  if (any(ResultStatus::kPending)) return EventStatus::kPending;
  if (any(ResultStatus::kRetry)) return EventStatus::kRetry;
  if (any(ResultStatus::kReview)) return EventStatus::kReview;
  if (any(ResultStatus::kFailed)) return EventStatus::kFailed;
  return EventStatus::kCompleted;
}

}  // namespace datasync
