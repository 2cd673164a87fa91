#include "app/rate_file.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "app/rate_answer.h"
#include "domain/json.h"
#include "storage/new_file.h"

namespace datasync::app {
namespace {

constexpr std::string_view kBase = "base", kRates = "rates", kRate = "rate", kAsOf = "as_of";

tl::unexpected<Error> unreadable() {
  return fail(ErrorCode::kUnavailable,
              "the file can't be read: " + std::error_code(errno, std::generic_category()).message());
}

std::string text_of(const Fields& fields, std::string_view name) {
  const Value* value = fields.find(name);
  return value == nullptr ? std::string() : value->as_string().value_or("");
}

}  // namespace

std::string to_json(const transform::Quotes& quotes) {
  Fields rates;
  for (const auto& [currency, quote] : quotes.rates) {
    Fields one;
    one.set(kRate, Value::string(quote.rate.to_text()));
    one.set(kAsOf, Value::string(format_rfc3339(quote.as_of)));
    rates.set(currency.code(), one.to_value());
  }
  Fields all;
  all.set(kBase, Value::string(quotes.base.code()));
  all.set(kRates, rates.to_value());
  return all.to_json();
}

Result<transform::Quotes> parse_quotes(std::string_view text) {
  const auto corrupt = [] { return fail(ErrorCode::kCorrupt, "it holds no rates as they are written here"); };
  const auto all = parse_json_object(text);
  const Value* rates = all ? all->find(kRates) : nullptr;
  const auto base = Currency::parse(all ? text_of(*all, kBase) : "");
  if (rates == nullptr || rates->kind() != Value::Kind::kObject || !base) return corrupt();
  transform::Quotes quotes{*base, {}};
  for (const Field& member : members_of(*rates)) {
    const Fields one = members_of(member.value);
    const auto currency = Currency::parse(member.name);
    const auto rate = Decimal::parse(text_of(one, kRate));
    const auto as_of = parse_rfc3339(text_of(one, kAsOf));
    if (!currency || !rate || rate->units <= 0 || !as_of) return corrupt();
    quotes.rates[*currency] = {*rate, *as_of};
  }
  return quotes;
}

Result<transform::Quotes> RateFile::read() const {
  std::FILE* const file = std::fopen(path_.c_str(), "rbe");
  // Only that it was never written is no fault: rates that nobody may read must not be taken for none.
  if (file == nullptr && errno == ENOENT) return transform::Quotes{};
  if (file == nullptr) return unreadable();
  std::string text(kRateAnswerBytesMax, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  const bool failed = std::ferror(file) != 0;
  auto outcome = failed ? Result<transform::Quotes>(unreadable()) : parse_quotes(text);
  std::fclose(file);
  return outcome;
}

Result<void> RateFile::write(const transform::Quotes& quotes) const {
  auto file = storage::NewFile::create(path_);
  if (!file) return fail(std::move(file).error());
  DATASYNC_TRY(file->write(to_json(quotes)));
  return file->finish();
}

}  // namespace datasync::app
