#include "app/rate_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "app/rate_answer.h"
#include "domain/json.h"

namespace datasync::app {
namespace {

constexpr std::string_view kBase = "base", kRates = "rates", kRate = "rate", kAsOf = "as_of";

Result<void> unavailable(const char* what) {
  return fail(ErrorCode::kUnavailable,
              std::string(what) + ": " + std::error_code(errno, std::generic_category()).message());
}

class OpenFile {
 public:
  OpenFile(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  explicit operator bool() const noexcept { return descriptor_ >= 0; }

  /// Fills `text`, and cuts it to what is there.
  [[nodiscard]] bool read(std::string& text) const {
    if (descriptor_ < 0) return false;
    std::size_t length = 0;
    while (length < text.size()) {
      const ssize_t got = ::read(descriptor_, text.data() + length, text.size() - length);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return false;
      if (got == 0) break;
      length += static_cast<std::size_t>(got);
    }
    text.resize(length);
    return true;
  }
  [[nodiscard]] bool write(std::string_view text) const {
    if (descriptor_ < 0) return false;
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }
  [[nodiscard]] bool sync() const { return descriptor_ >= 0 && ::fsync(descriptor_) == 0; }

 private:
  int descriptor_;
};

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
  const OpenFile file(path_, O_RDONLY);
  // Only that it was never written is no fault: rates that nobody may read must not be taken for none.
  if (!file && errno == ENOENT) return transform::Quotes{};
  std::string text(kRateAnswerBytesMax, '\0');
  if (!file.read(text)) return fail(unavailable("the file can't be read").error());
  return parse_quotes(text);
}

Result<void> RateFile::write(const transform::Quotes& quotes) const {
  const std::string fresh = path_ + ".new";
  {
    const OpenFile file(fresh, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.write(to_json(quotes)) || !file.sync()) return unavailable("the file can't be written");
  }
  if (std::rename(fresh.c_str(), path_.c_str()) != 0) return unavailable("the file can't take its place");
  const auto folder = std::filesystem::path(path_).parent_path();
  const OpenFile parent(folder.empty() ? "." : folder.string(), O_RDONLY | O_DIRECTORY);
  if (!parent.sync()) return unavailable("the folder can't be synchronized");
  return {};
}

}  // namespace datasync::app
