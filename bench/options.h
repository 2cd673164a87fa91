#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace datasync::bench {

/// `--name value` pairs of a tool of the benchmark. A name may come several times.
/// Errors (thrown): `std::invalid_argument` for what is no such pair, and by the getters for a value of another kind.
class Options {
 public:
  Options(int count, const char* const* arguments, const std::set<std::string_view>& known) {
    for (int i = 0; i < count; i += 2) {
      const std::string_view name = arguments[i];
      if (!name.starts_with("--") || !known.contains(name.substr(2)))
        throw std::invalid_argument("no option: " + std::string(name));
      if (i + 1 == count) throw std::invalid_argument("no value: " + std::string(name));
      values_[std::string(name.substr(2))].emplace_back(arguments[i + 1]);
    }
  }

  [[nodiscard]] std::vector<std::string> all(const std::string& name) const {
    const auto at = values_.find(name);
    return at == values_.end() ? std::vector<std::string>{} : at->second;
  }
  [[nodiscard]] std::string text(const std::string& name, std::string otherwise) const {
    const auto at = values_.find(name);
    return at == values_.end() ? std::move(otherwise) : at->second.back();
  }
  template <typename Number>
  [[nodiscard]] Number number(const std::string& name, Number otherwise) const {
    const std::string value = text(name, {});
    if (value.empty()) return otherwise;
    Number result{};
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error != std::errc{} || end != value.data() + value.size()) throw std::invalid_argument("no number: --" + name);
    return result;
  }

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

}  // namespace datasync::bench
