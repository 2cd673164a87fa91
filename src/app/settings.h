#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "bus/redis/location.h"

namespace datasync::app {

class SettingLayers;

/// Where settings come from. A test fills it by hand; `system_sources` fills it from the process.
struct SettingSources {
  std::map<std::string, std::string> environment;
  std::vector<std::string> env_files;  ///< `.env` files, the first one wins; those that don't exist are passed over
  std::string config_file;             ///< of `--config`; empty: what CONFIG names
  std::size_t cores = 1;
};
/// The process's environment, `.env` in the working directory (wins) and `.env` beside the binary.
[[nodiscard]] SettingSources system_sources(std::string config_file);

/// Every setting of the service, read and checked. What each one is for, its default, range and unit stand once, in
/// `settings_table.cc`; docs/settings.md is made from it.
///
/// Precedence: environment > `.env` > the `settings:` section of the configuration file > default. `NAME_FILE` at any
/// of these places names a file that holds the value. An empty value is no value.
struct Settings {
  std::string environment;
  std::string config_file;                    ///< empty: none
  std::string config_text;                    ///< all of that file: others read their sections of it
  std::uint16_t port = 0;                     ///< 0 takes a free one
  std::vector<std::string> listen_addresses;  ///< `::` takes IPv4 too; where the kernel has no IPv6, use 0.0.0.0 for it
  std::size_t io_threads = 0;
  std::string log_level;
  std::size_t server_connections_max = 0;
  std::size_t body_bytes_max = 0;
  std::size_t bulk_body_bytes_max = 0;
  std::size_t bulk_events_max = 0;
  std::size_t client_memory_bytes_max = 0;
  milliseconds stop_deadline{};

  std::string jwt_secret;
  std::string jwt_issuer;
  std::string jwt_audience;

  std::string database_url;
  std::string database_file;      ///< of the SQLite engine, taken from `database_url`; empty with another one
  std::string database_location;  ///< what `storage::open_store` gets
  /// What else is kept from run to run stands beside this file: the database, or where that would be by default.
  [[nodiscard]] std::string state_path() const { return database_file.empty() ? "data/data-sync" : database_file; }
  std::size_t connection_pool_size = 0;
  std::string instance_address;  ///< empty: made from the host's name and the port
  milliseconds lease_time{};
  std::string redis_url;
  std::optional<bus::redis::Location> redis;  ///< none: nobody watches there
  std::string kafka_brokers;                  ///< empty: events are accepted into the database
  std::string kafka_topic;
  std::string kafka_dead_letter_topic;
  std::string kafka_outcome_topic;                   ///< empty: outcomes are published nowhere
  std::string kafka_input_topics;                    ///< as written
  std::vector<std::string> kafka_input_topic_names;  ///< empty: events come by HTTP alone
  std::string kafka_group;
  std::chrono::hours event_retention{};

  std::string bizosaas_brain_url;
  std::string bizoholic_frontend_url;
  std::string coreldove_frontend_url;
  std::string saleor_api_url;
  std::string auth_service_url;
  std::string django_crm_url;
  std::string wagtail_cms_url;
  std::string notifier_url;
  std::string notifier_api_key;
  std::string verification_url;
  std::string bizosaas_api_key;
  std::string bizoholic_api_key;
  std::string coreldove_api_key;

  std::size_t sync_batch_size = 0;
  milliseconds sync_interval{};
  std::size_t max_concurrent_syncs = 0;

  std::size_t max_http_connections = 0;
  milliseconds request_timeout{};
  int retry_attempts = 0;
  double backoff_factor = 0;
  milliseconds batch_wait{};
  std::size_t lane_concurrency_max = 0;

  microseconds commit_window{};
  std::size_t window_events_max = 0;
  std::size_t inbox_events_max = 0;
  std::size_t unfinished_events_max = 0;
  std::size_t events_in_memory_max = 0;
  std::size_t records_cached = 0;

  bool monitoring_enabled = false;
  std::string alert_email;
  std::string slack_webhook_url;

  /// True for ENVIRONMENT=development and for none: no tokens, this machine only.
  [[nodiscard]] bool development() const;
  /// The text of a setting, or of any other variable of the environment and `.env` (also through `NAME_FILE`): what an
  /// `env:` of a platform's YAML means. None where it is not set and has no default.
  /// Errors: `kInvalid` where `NAME_FILE` names a file that can't be read.
  [[nodiscard]] Result<std::optional<std::string>> variable(std::string_view name) const;

  /// What an operator should hear at every start, loudly.
  std::vector<std::string> warnings;

  /// One row of `data-sync config check`.
  struct Effective {
    std::string name;
    std::string text;   ///< as it was written
    std::string shown;  ///< fit for a screen: secrets are masked
    std::string place;  ///< `environment`, `.env:3`, `my.yaml:12`, `default`
    bool reloadable = false;
  };
  std::vector<Effective> effective;             ///< in the order of the table
  std::shared_ptr<const SettingLayers> layers;  ///< for `variable`
};

/// Errors: `kInvalid`; the message has one line for each thing that is wrong, names the setting and the place that its
/// value came from, and says the way out. Secrets are never part of it. A service that gets it exits with 78.
[[nodiscard]] Result<Settings> load_settings(const SettingSources& sources);

/// `running` with the secrets of `fresh`: what a credential that was refused is replaced by. All else that may have
/// been edited meanwhile waits for a reload.
[[nodiscard]] Settings with_secrets_of(Settings running, const Settings& fresh);

/// Names of the settings that differ and take effect only with a restart.
[[nodiscard]] std::vector<std::string> changed_for_restart(const Settings& running, const Settings& loaded);

/// The effective settings as aligned columns: name, value, place. Secrets are masked.
[[nodiscard]] std::string render_settings(const Settings& settings);
/// docs/settings.md.
[[nodiscard]] std::string settings_markdown();
/// The settings that a newcomer needs, for `--help`: two columns.
[[nodiscard]] std::string settings_help();

}  // namespace datasync::app
