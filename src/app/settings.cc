#include "app/settings.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <type_traits>

#include "app/setting_layers.h"
#include "app/settings_table.h"
#include "bus/kafka/brokers.h"
#include "net/url.h"
#include "security/gatekeeper.h"

namespace datasync::app {
namespace {

using Kind = Setting::Kind;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto comma = text.find(',');
    auto item = text.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return items;
}

bool is_ip_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1";
}

/// Microseconds in one `unit` of time; none for what is no unit of time.
std::optional<double> microseconds_in(std::string_view unit) {
  constexpr std::array<std::pair<std::string_view, double>, 6> kUnits{
      {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"h", 3600e6}, {"d", 86400e6}}};
  for (const auto& [name, factor] : kUnits) {
    if (name == unit) return factor;
  }
  return std::nullopt;
}

/// The number and what follows it; none if it does not begin with a number.
std::optional<std::pair<double, std::string_view>> leading_number(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number)) return std::nullopt;
  return std::pair{number, text.substr(static_cast<std::size_t>(end - text.data()))};
}

bool in_range(const Setting& setting, double number) {
  return number >= setting.min && number <= setting.max;
}

bool read(const Setting& setting, std::string_view text, std::string& out) {
  switch (setting.kind) {
    case Kind::kWord:
      out = lower(text);
      return std::find(setting.words.begin(), setting.words.end(), out) != setting.words.end();
    case Kind::kUrl:
      out = text;
      return net::parse_url(text).has_value();
    default:
      out = text;
      return true;
  }
}

bool read(const Setting&, std::string_view text, std::vector<std::string>& out) {
  out = split_list(text);
  for (auto& address : out) {  // `[::]` as it stands in a URL is welcome too
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  }
  return !out.empty() && std::all_of(out.begin(), out.end(), is_ip_address);
}

bool read(const Setting&, std::string_view text, bool& out) {
  const std::string word = lower(text);
  out = word == "true" || word == "1" || word == "yes" || word == "on";
  return out || word == "false" || word == "0" || word == "no" || word == "off";
}

bool read(const Setting& setting, std::string_view text, double& out) {
  const auto number = leading_number(text);
  if (!number || !number->second.empty() || !in_range(setting, number->first)) return false;
  out = number->first;
  return true;
}

template <typename Integer>
requires std::is_integral_v<Integer>
bool read(const Setting& setting, std::string_view text, Integer& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && in_range(setting, static_cast<double>(out));
}

/// `30` is in the setting's own unit; `500ms`, `2m` and `7d` say theirs.
template <typename Rep, typename Period>
bool read(const Setting& setting, std::string_view text, std::chrono::duration<Rep, Period>& out) {
  const auto number = leading_number(text);
  if (!number) return false;
  const auto own = microseconds_in(setting.unit).value_or(1);
  const auto unit = number->second.empty() ? own : microseconds_in(number->second).value_or(-1);
  if (unit < 0 || !in_range(setting, number->first * unit / own)) return false;
  const auto exact = microseconds{std::llround(number->first * unit)};
  out = std::chrono::duration_cast<std::chrono::duration<Rep, Period>>(exact);
  return out == exact;  // a fraction that the setting can't hold is refused, not cut off
}

bool assign(Settings& settings, const Setting& setting, std::string_view text) {
  return std::visit([&](auto member) { return read(setting, text, settings.*member); }, setting.member);
}

/// What the text should have been, with an example where the kind has a natural one.
std::string expectation(const Setting& setting) {
  std::string text = range_text(setting);
  if (microseconds_in(setting.unit)) text += ", or with a unit of its own as in 500ms, 30s, 5m, 2h, 7d";
  if (!setting.standard.empty()) text += fmt::format(" (default {})", setting.standard);
  return text;
}

std::string masked(const Setting& setting, const std::string& text) {
  if (text.empty()) return "not set";
  if (setting.kind == Kind::kSecret) return fmt::format("set, {} bytes", text.size());
  if (setting.kind == Kind::kConnection || setting.kind == Kind::kUrl) {
    const auto begin = text.find("//");
    const auto authority_end = begin == std::string::npos ? begin : text.find_first_of("/?#", begin + 2);
    const auto end = begin == std::string::npos ? begin : text.substr(0, authority_end).rfind('@');
    if (end != std::string::npos) return text.substr(0, begin + 2) + "***" + text.substr(end);
  }
  return text;
}

/// Defaults that a table can't hold.
std::string derived_default(const Setting& setting, const Settings& settings, const SettingSources& sources) {
  if (setting.name == "LISTEN_ADDRESS") return settings.development() ? "127.0.0.1" : "::";
  if (setting.name == "IO_THREADS") {
    return fmt::to_string(std::clamp<std::size_t>(sources.cores - std::min<std::size_t>(sources.cores, 1), 1, 256));
  }
  return std::string(setting.standard);
}

void load_one(Settings& settings, const Setting& setting, const SettingSources& sources,
              std::vector<std::string>& problems) {
  auto given = settings.layers->find(setting.name);
  if (!given) problems.push_back(given.error().message);
  std::string text = derived_default(setting, settings, sources);
  std::string place = text.empty() ? "" : "default";
  if (given && *given) {
    if (assign(settings, setting, (*given)->text)) {
      text = (*given)->text;
      place = (*given)->place;
    } else {
      // Whatever the setting is, its value is not shown: it may be a secret that was meant for another one.
      problems.push_back(fmt::format("{}: the value ({}) is not possible here; it must be {}", setting.name,
                                     (*given)->place, expectation(setting)));
      given = std::nullopt;
    }
  }
  if (place == "default") assign(settings, setting, text);
  settings.effective.push_back({std::string(setting.name), text, masked(setting, text), place, setting.reloadable});
}

const Settings::Effective& effective_of(const Settings& settings, std::string_view name) {
  return *std::find_if(settings.effective.begin(), settings.effective.end(),
                       [&](const auto& row) { return row.name == name; });
}

/// What only the engine can tell of a URL, it tells when it opens it. `sqlite:///file` is under the working directory,
/// `sqlite:////file` from the root, as SQLAlchemy has it.
void read_database(Settings& settings, std::vector<std::string>& problems) {
  constexpr std::string_view kSqlite = "sqlite:///";
  const std::string_view url = settings.database_url;
  const auto& place = effective_of(settings, "DATABASE_URL").place;
  if (url.starts_with(kSqlite) && url.size() > kSqlite.size() && url.find('?') == std::string_view::npos) {
    settings.database_file = url.substr(kSqlite.size());
    settings.database_location = settings.database_file;
  } else if (url.starts_with("postgresql://") || url.starts_with("postgres://")) {
    settings.database_location = url;
  } else {
    problems.push_back(fmt::format(
        "DATABASE_URL: must be sqlite:///file (under the working directory), sqlite:////file (from the root) "
        "or postgresql://user:password@host:5432/database ({})",
        place));
  }
}

void read_redis(Settings& settings, std::vector<std::string>& problems) {
  const auto& row = effective_of(settings, "REDIS_URL");
  if (row.text.empty()) return;
  auto location = bus::redis::read_location(row.text);
  if (location) {
    settings.redis = std::move(*location);
  } else {
    problems.push_back(fmt::format("REDIS_URL ({}): {}", row.place, location.error().message));
  }
}

/// The topics that others write or read: apart from our own, and only where there are brokers.
void read_kafka_topics(Settings& settings, std::vector<std::string>& problems) {
  auto& inputs = settings.kafka_input_topic_names;
  inputs = split_list(settings.kafka_input_topics);
  std::sort(inputs.begin(), inputs.end());
  inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
  const std::string& outcomes = settings.kafka_outcome_topic;
  const bool has_brokers = !settings.kafka_brokers.empty();
  const char* const named = !inputs.empty() ? "KAFKA_INPUT_TOPICS" : "KAFKA_OUTCOME_TOPIC";
  if ((!inputs.empty() || !outcomes.empty()) && !has_brokers) {
    problems.push_back(fmt::format("{}: needs KAFKA_BROKERS, which says where Kafka is", named));
  }
  // What we write there would come back as input.
  using Named = std::pair<const char*, std::string_view>;
  for (const auto& [setting, topic] :
       {Named{"KAFKA_TOPIC", settings.kafka_topic}, Named{"KAFKA_DEAD_LETTER_TOPIC", settings.kafka_dead_letter_topic},
        Named{"KAFKA_OUTCOME_TOPIC", outcomes}}) {
    if (std::find(inputs.begin(), inputs.end(), topic) != inputs.end()) {
      problems.push_back(fmt::format("KAFKA_INPUT_TOPICS: must not have that of {}", setting));
    }
  }
  if (!outcomes.empty() && (outcomes == settings.kafka_topic || outcomes == settings.kafka_dead_letter_topic)) {
    problems.emplace_back("KAFKA_OUTCOME_TOPIC: must be another topic than KAFKA_TOPIC and KAFKA_DEAD_LETTER_TOPIC");
  }
}

void read_kafka(Settings& settings, std::vector<std::string>& problems) {
  const auto& row = effective_of(settings, "KAFKA_BROKERS");
  if (row.text.empty()) return;
  auto brokers = bus::kafka::read_brokers(row.text);
  if (brokers) {
    settings.kafka_brokers = std::move(*brokers);
  } else {
    problems.push_back(fmt::format("KAFKA_BROKERS ({}): {}", row.place, brokers.error().message));
  }
}

/// `security::check_secret` knows whole examples; people also copy one and add a word to it, or repeat a few letters.
bool looks_copied(std::string_view secret) {
  constexpr std::array<std::string_view, 12> kWords{"yoursecret",  "yourjwtsecret",      "yoursuper", "changeme",
                                                    "changethis",  "changeinproduction", "replaceme", "replacethis",
                                                    "supersecret", "placeholder",        "dontuse",   "example"};
  constexpr std::size_t kDifferentMin = 10;  // 32 random bytes have about twice as many, in any usual encoding but hex
  if (std::set<char>(secret.begin(), secret.end()).size() < kDifferentMin) return true;
  std::string plain;
  for (const char c : lower(secret)) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) plain += c;
  }
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return plain.find(word) != std::string::npos; });
}

void check_identity(const Settings& settings, std::vector<std::string>& problems) {
  if (settings.development()) return;
  const auto& secret = settings.jwt_secret;
  auto checked = security::check_secret(secret);
  if (checked && looks_copied(secret))
    checked = fail(ErrorCode::kInvalid, "JWT_SECRET can be guessed: it looks copied");
  if (checked) return;
  const auto& place = effective_of(settings, "JWT_SECRET").place;
  const auto& environment = effective_of(settings, "ENVIRONMENT");
  problems.push_back(
      fmt::format("{}{} (ENVIRONMENT, {}, is not development). Make one with `openssl rand -base64 48` and set "
                  "JWT_SECRET, or JWT_SECRET_FILE to "
                  "a "
                  "file that holds it. To try things on this machine without tokens: ENVIRONMENT=development",
                  checked.error().message, place.empty() ? "" : " (" + place + ")", environment.place));
}

/// One letter too many, too few or wrong, or two neighbours swapped.
bool differs_by_little(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() > a.size() + 1) return false;
  const auto at = static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
  if (a.size() < b.size()) return a.substr(at) == b.substr(at + 1);
  if (a.substr(at + 1) == b.substr(at + 1)) return true;
  return a[at] == b[at + 1] && a[at + 1] == b[at] && a.substr(at + 2) == b.substr(at + 2);
}

/// A mistyped name in the environment can't be refused, since most variables there are not ours.
void warn_of_near_names(Settings& settings) {
  constexpr std::size_t kNameBytesMin = 8;  // shorter names are near too many others
  for (const auto& [name, place] : settings.layers->variable_names()) {
    if (name.size() < kNameBytesMin || find_setting(name) != nullptr) continue;
    for (const auto& setting : settings_table()) {
      if (setting.name.size() < kNameBytesMin || !differs_by_little(name, setting.name)) continue;
      settings.warnings.push_back(fmt::format("{} ({}) is no setting; did you mean {}?", name, place, setting.name));
    }
  }
}

void collect_warnings(Settings& settings) {
  if (settings.development()) {
    settings.warnings.emplace_back(
        "ENVIRONMENT is development: no call needs a token, and every caller is an admin of every tenant");
    for (const auto& address : settings.listen_addresses) {
      if (is_loopback(address)) continue;
      settings.warnings.push_back(fmt::format(
          "LISTEN_ADDRESS {} lets other machines in, who need no token either (ENVIRONMENT is development)", address));
    }
  }
  std::string idle;
  for (const auto& setting : settings_table()) {
    const auto& row = effective_of(settings, setting.name);
    if (!setting.idle || row.place.empty() || row.place == "default") continue;
    idle += fmt::format("{}{} ({})", idle.empty() ? "" : ", ", row.name, row.place);
  }
  if (!idle.empty()) settings.warnings.push_back("without effect in this build: " + idle);
  warn_of_near_names(settings);
}

}  // namespace

bool Settings::development() const {
  return security::is_development(environment);
}

Result<std::optional<std::string>> Settings::variable(std::string_view name) const {
  for (const auto& row : effective) {
    if (row.name == name) return row.text.empty() ? std::nullopt : std::optional(row.text);
  }
  auto found = layers->find_variable(name);
  if (!found) return fail(std::move(found).error());
  if (!*found) return std::nullopt;
  return std::move((*found)->text);
}

Result<Settings> load_settings(const SettingSources& sources) {
  std::vector<std::string> problems;
  Settings settings;
  settings.layers = std::make_shared<const SettingLayers>(SettingLayers::read(sources, problems));
  for (const auto& setting : settings_table()) load_one(settings, setting, sources, problems);
  settings.config_text = settings.layers->config_text();
  read_database(settings, problems);
  read_redis(settings, problems);
  read_kafka(settings, problems);
  read_kafka_topics(settings, problems);
  check_identity(settings, problems);
  if (!problems.empty()) {
    std::string message;
    for (const auto& problem : problems) message += (message.empty() ? "" : "\n") + problem;
    return fail(ErrorCode::kInvalid, std::move(message));
  }
  collect_warnings(settings);
  return settings;
}

Settings with_secrets_of(Settings running, const Settings& fresh) {
  for (std::size_t i = 0; i < running.effective.size(); ++i) {
    const Setting* setting = find_setting(running.effective[i].name);
    if (setting != nullptr && setting->kind == Setting::Kind::kSecret) running.effective[i] = fresh.effective[i];
  }
  return running;
}

std::vector<std::string> changed_for_restart(const Settings& running, const Settings& loaded) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < running.effective.size(); ++i) {
    const auto& row = running.effective[i];
    if (!row.reloadable && row.text != loaded.effective[i].text) names.push_back(row.name);
  }
  return names;
}

}  // namespace datasync::app
