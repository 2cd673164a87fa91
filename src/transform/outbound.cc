#include "transform/outbound.h"

#include "transform/assembly.h"
#include "transform/money_shape.h"
#include "transform/names.h"

namespace datasync::transform {
namespace {

/// Writes one object. Members must come sorted by name, each with its comma and colon: `,"locale":`.
class ObjectText {
 public:
  ObjectText() { text_.reserve(256); }
  void string(std::string_view name, std::string_view text) {
    text_ += name;
    append_json_string(text_, text);
  }
  void integer(std::string_view name, std::int64_t number) {
    text_ += name;
    text_ += std::to_string(number);
  }
  [[nodiscard]] Value finish() && {
    text_.front() = '{';  // it was the first comma
    text_ += '}';
    return Value::from_canonical(std::move(text_));
  }

 private:
  std::string text_;
};

Value platform_context(const Platform& platform, const OutboundContext& context) {
  ObjectText text;
  text.string(R"(,"currency":)", platform.currency.code());
  if (!context.entity_id.empty()) text.string(R"(,"entity_id":)", context.entity_id.str());
  text.string(R"(,"locale":)", platform.locale);
  text.string(R"(,"timezone":)", platform.timezone);
  if (context.version.value > 0) text.integer(R"(,"version":)", context.version.value);
  return std::move(text).finish();
}

Value sync_metadata(const Platform& platform, const OutboundContext& context) {
  const std::string time = format_rfc3339(context.time);
  ObjectText text;
  if (!context.entity_id.empty()) text.string(R"(,"entity_id":)", context.entity_id.str());
  text.string(R"(,"source_platform":)", context.source.str());
  text.string(R"(,"sync_timestamp":)", time);
  text.string(R"(,"synced_from":)", context.source.str());
  text.string(R"(,"target_platform":)", platform.id.str());
  text.string(R"(,"transformed_at":)", time);
  if (context.version.value > 0) text.integer(R"(,"version":)", context.version.value);
  return std::move(text).finish();
}

void write_name(const Outbound& to, const Value& value, Assembly& assembly) {
  if (value.is_null()) {
    assembly.borrow(to.name, Trust::kOwn, value);
    assembly.borrow(to.last, Trust::kOwn, value);
    return;
  }
  const auto name = value.as_string();
  if (!name) {  // no text to split: the platform may refuse it, and says so better than we could
    assembly.borrow(to.name, Trust::kOwn, value);
    return;
  }
  const PersonName parts = split_name(*name);
  assembly.add(to.name, Trust::kOwn, Value::string(parts.first));
  assembly.add(to.last, Trust::kOwn, Value::string(parts.last));
}

const Value& word(const EntityPlan& plan, const Value& status) {
  const Value* other = plan.words_out.find(status.text());
  return other != nullptr ? *other : status;
}

const Value& kept(const Outbound& to, const Value& sent) {
  if (const Value* other = to.kept_words.find(sent.text())) return *other;
  return to.kept_otherwise && sent.kind() == Value::Kind::kString ? *to.kept_otherwise : sent;
}

/// None where it stays as it is.
std::optional<Value> converted(const EntityPlan& plan, const RateTable& rates, const Value& value) {
  const auto money = plan.convert_to ? Money::from_value(value) : std::nullopt;
  if (!money || money->currency() == *plan.convert_to) return std::nullopt;
  const auto rate = rates.rate(money->currency(), *plan.convert_to);
  if (!rate) return std::nullopt;
  const auto amount = money->convert(*rate, *plan.convert_to);
  return amount ? std::optional(amount->to_value()) : std::nullopt;
}

}  // namespace

Result<Fields> write_fields(const EntityPlan& plan, const RateTable& rates, const Fields& fields) {
  Assembly assembly;
  AmountWriter amounts(rates, plan.convert_to);
  for (const Field& field : fields) {
    const Outbound* to = plan.outbound.find(field.name);
    if (to == nullptr) {
      assembly.borrow(field.name, Trust::kUnmapped, field.value);
      continue;
    }
    switch (to->role) {
      case Role::kMoney: {
        auto amount = amounts.write(field.value);
        if (!amount) return fail(std::move(amount).error());
        assembly.add(to->name, Trust::kOwn, *std::move(amount));
        break;
      }
      case Role::kStatus:
        assembly.borrow(to->name, Trust::kOwn, word(plan, field.value));
        break;
      case Role::kWholeName:
        write_name(*to, field.value, assembly);
        break;
      case Role::kPlain:
        assembly.borrow(to->name, Trust::kOwn, field.value);
        break;
      case Role::kId:
      case Role::kCurrency:
      case Role::kDropped:
      case Role::kFirstName:
      case Role::kLastName:
        break;  // written from elsewhere, or ours alone
    }
  }
  if (const auto currency = amounts.written()) {
    assembly.add(plan.currency_name, Trust::kOwn, Value::string(currency->code()));
  }
  return std::move(assembly).finish();
}

std::optional<Value> amount_as_written(const EntityPlan& plan, const RateTable& rates, std::string_view field,
                                       const Value& value) {
  const Outbound* to = plan.outbound.find(field);
  if (to == nullptr || to->role != Role::kMoney) return std::nullopt;
  return converted(plan, rates, value);
}

std::uint64_t hash_as_written(const EntityPlan& plan, const RateTable& rates, std::string_view field,
                              const Value& value) {
  const Outbound* to = plan.outbound.find(field);
  if (to == nullptr) return value.hash();
  if (to->role == Role::kMoney) return converted(plan, rates, value).value_or(value).hash();
  if (to->role == Role::kWholeName) {
    const auto name = value.as_string();
    return name ? Value::string(join_name(split_name(*name))).hash() : value.hash();
  }
  const Value& sent = to->role == Role::kStatus ? word(plan, value) : value;
  return to->kept_in_lower_case ? hash64(in_small_letters(sent.text())) : kept(*to, sent).hash();
}

void write_context(const PlatformMapping& platform, const OutboundContext& context, Fields& data) {
  if (platform.context == ContextBlock::kSyncMetadata) {
    data.set("_sync_metadata", sync_metadata(platform.platform, context));
  } else {
    data.set("_platform_context", platform_context(platform.platform, context));
  }
}

}  // namespace datasync::transform
