#include "app/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "app/settings_table.h"

namespace datasync::app {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr auto kGoodSecret = "kS8v0qLx2mT5nR7wZ1cY4bH9dF3gJ6aE";

class SettingsTest : public ::testing::Test {
 protected:
  SettingsTest() : folder_(std::filesystem::temp_directory_path() / ("settings_test_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    sources.cores = 4;
  }
  ~SettingsTest() override { std::filesystem::remove_all(folder_); }

  std::string file(const std::string& name, const std::string& text) {
    const auto path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  Settings load() {
    auto settings = load_settings(sources);
    EXPECT_TRUE(settings) << settings.error().message;
    return settings ? *std::move(settings) : Settings{};
  }
  std::string refusal() {
    const auto settings = load_settings(sources);
    EXPECT_FALSE(settings);
    return settings ? "" : settings.error().message;
  }
  static Settings::Effective row(const Settings& settings, std::string_view name) {
    for (const auto& effective : settings.effective) {
      if (effective.name == name) return effective;
    }
    return {};
  }

  SettingSources sources;
  std::filesystem::path folder_;
};

// The defaults of the wire contract.
TEST_F(SettingsTest, WithoutAnyWordTheDefaultsOfTheContractHold) {
  const auto settings = load();
  EXPECT_TRUE(settings.development());
  EXPECT_EQ(settings.port, 8025);
  EXPECT_THAT(settings.listen_addresses, ElementsAre("127.0.0.1"));
  EXPECT_EQ(settings.io_threads, 3U);
  EXPECT_EQ(settings.database_file, "data/data-sync.db");
  EXPECT_EQ(settings.bizosaas_brain_url, "http://localhost:8001");
  EXPECT_EQ(settings.bizoholic_frontend_url, "http://localhost:3008");
  EXPECT_EQ(settings.auth_service_url, "http://localhost:8007");
  EXPECT_EQ(settings.django_crm_url, "http://localhost:8008");
  EXPECT_EQ(settings.wagtail_cms_url, "http://localhost:8006");
  EXPECT_EQ(settings.saleor_api_url, "");
  EXPECT_EQ(settings.coreldove_frontend_url, "");
  EXPECT_EQ(settings.sync_batch_size, 100U);
  EXPECT_EQ(settings.sync_interval, seconds{5});
  EXPECT_EQ(settings.max_concurrent_syncs, 10U);
  EXPECT_EQ(settings.event_retention, std::chrono::hours{24 * 30});
  EXPECT_EQ(settings.connection_pool_size, 20U);
  EXPECT_EQ(settings.max_http_connections, 100U);
  EXPECT_EQ(settings.request_timeout, seconds{30});
  EXPECT_EQ(settings.retry_attempts, 3);
  EXPECT_EQ(settings.backoff_factor, 2.0);
  EXPECT_TRUE(settings.monitoring_enabled);
  EXPECT_EQ(settings.log_level, "info");
}

TEST_F(SettingsTest, OneCoreStillHasAnIoThread) {
  sources.cores = 1;
  EXPECT_EQ(load().io_threads, 1U);
}

TEST_F(SettingsTest, TheEnvironmentGoesBeforeEnvFilesBeforeYamlBeforeTheDefault) {
  sources.config_file = file("my.yaml", "settings:\n  port: 1\n  retry_attempts: 1\n  backoff_factor: 1\n");
  sources.env_files = {file("here/.env", "PORT=2\nRETRY_ATTEMPTS=2\n"), file("binary/.env", "PORT=3\nIO_THREADS=3\n")};
  sources.environment = {{"PORT", "4"}};
  const auto settings = load();
  EXPECT_EQ(settings.port, 4);
  EXPECT_EQ(settings.retry_attempts, 2);
  EXPECT_EQ(settings.backoff_factor, 1.0);
  EXPECT_EQ(settings.io_threads, 3U);
  EXPECT_EQ(row(settings, "PORT").place, "environment");
  EXPECT_EQ(row(settings, "RETRY_ATTEMPTS").place, sources.env_files[0] + ":2");
  EXPECT_EQ(row(settings, "IO_THREADS").place, sources.env_files[1] + ":2");
  EXPECT_EQ(row(settings, "BACKOFF_FACTOR").place, sources.config_file + ":4");
  EXPECT_EQ(row(settings, "LOG_LEVEL").place, "default");
}

TEST_F(SettingsTest, AnEmptyValueIsNoValueAndLetsTheNextPlaceSpeak) {
  sources.environment = {{"PORT", ""}, {"LOG_LEVEL", ""}};
  sources.env_files = {file(".env", "PORT=99\n")};
  const auto settings = load();
  EXPECT_EQ(settings.port, 99);
  EXPECT_EQ(settings.log_level, "info");
}

TEST_F(SettingsTest, ASecretMayStandInAFileThatAnyPlaceNames) {
  file("secrets/jwt", std::string(kGoodSecret) + "\n");
  sources.environment = {{"JWT_SECRET_FILE", (folder_ / "secrets/jwt").string()}, {"ENVIRONMENT", "production"}};
  EXPECT_EQ(load().jwt_secret, kGoodSecret);

  // From a .env or YAML file a relative name starts at that file.
  sources.environment = {{"ENVIRONMENT", "production"}};
  sources.env_files = {file(".env", "JWT_SECRET_FILE=secrets/jwt\n")};
  EXPECT_EQ(load().jwt_secret, kGoodSecret);
  EXPECT_THAT(row(load(), "JWT_SECRET").place, HasSubstr("by JWT_SECRET_FILE, " + sources.env_files[0] + ":1"));

  sources.env_files = {};
  sources.config_file = file("my.yaml", "settings: {jwt_secret_file: secrets/jwt}\n");
  EXPECT_EQ(load().jwt_secret, kGoodSecret);
}

TEST_F(SettingsTest, ASecretFileThatIsMissingOrEmptyIsNamed) {
  sources.environment = {{"JWT_SECRET_FILE", "/nowhere/jwt"}};
  EXPECT_THAT(refusal(), AllOf(HasSubstr("JWT_SECRET: the file that JWT_SECRET_FILE (environment) names"),
                               Not(HasSubstr("nowhere"))));
  sources.environment = {{"JWT_SECRET_FILE", file("empty", "\n")}};
  EXPECT_THAT(refusal(), HasSubstr("is empty"));
  sources.environment = {{"JWT_SECRET_FILE", folder_.string()}};
  EXPECT_THAT(refusal(), HasSubstr("cannot be read"));
}

TEST_F(SettingsTest, AValueAndAFileAtOnePlaceAreTooMany) {
  sources.environment = {{"PORT", "1"}, {"PORT_FILE", file("port", "2")}};
  EXPECT_THAT(refusal(), HasSubstr("remove one of them"));
}

TEST_F(SettingsTest, EveryMistakeIsToldAtOnceWithItsPlaceAndTheWayOut) {
  sources.environment = {{"PORT", "eighty"}, {"LOG_LEVEL", "chatty"}, {"BIZOSAAS_BRAIN_URL", "brain:8001"}};
  sources.config_file = file("my.yaml", "settings:\n  request_timeout: 0\n");
  const auto message = refusal();
  EXPECT_THAT(message, HasSubstr("PORT: the value (environment) is not possible here; it must be 0 to 65535"));
  EXPECT_THAT(message, HasSubstr("LOG_LEVEL: the value (environment)"));
  EXPECT_THAT(message, HasSubstr("debug, info, warning, warn, error or critical"));
  EXPECT_THAT(message, HasSubstr("BIZOSAAS_BRAIN_URL: the value (environment) is not possible here; it must be an "
                                 "http:// or https:// address"));
  EXPECT_THAT(message, HasSubstr("REQUEST_TIMEOUT: the value (" + sources.config_file + ":2)"));
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 3);
}

/// A secret that stands under the name of another setting was told to the log, as the value that was not possible.
TEST_F(SettingsTest, NoMessageTellsTheValueOfASetting) {
  constexpr std::string_view kSecret = "s3cr3t-T0ken/of+48=bytes";
  for (const auto& setting : settings_table()) {
    for (const std::string& name : {std::string(setting.name), std::string(setting.name) + "_FILE"}) {
      sources.environment = {{name, std::string(kSecret)}, {"LOG_LEVEL_FILE", "/nowhere"}};
      if (name != "ENVIRONMENT") sources.environment.emplace("ENVIRONMENT", "production");
      EXPECT_THAT(refusal(), Not(HasSubstr(kSecret))) << name;
    }
  }
}

TEST_F(SettingsTest, NumbersOutsideTheirRangeAreRefusedAndTheEndsBelongToIt) {
  for (const auto& setting : settings_table()) {
    if (setting.max == 0) continue;
    const bool is_integer =
        !std::holds_alternative<double Settings::*>(setting.member) && setting.min == std::floor(setting.min);
    const auto text = [&](double number) {
      return is_integer ? std::to_string(std::llround(number)) : std::to_string(number);
    };
    const auto accepts = [&](double number) {
      sources.environment = {{std::string(setting.name), text(number)}};
      return load_settings(sources).has_value();
    };
    EXPECT_TRUE(accepts(setting.min)) << setting.name;
    EXPECT_TRUE(accepts(setting.max)) << setting.name;
    EXPECT_FALSE(accepts(setting.min - 1)) << setting.name;
    EXPECT_FALSE(accepts(setting.max + 1)) << setting.name;
  }
}

TEST_F(SettingsTest, TimesMayCarryTheirOwnUnit) {
  for (const auto& [text, expected] : {std::pair{"10", milliseconds{10'000}},
                                       {"1.5", milliseconds{1'500}},
                                       {"500ms", milliseconds{500}},
                                       {"2m", milliseconds{120'000}},
                                       {"30s", milliseconds{30'000}}}) {
    sources.environment = {{"REQUEST_TIMEOUT", text}};
    EXPECT_EQ(load().request_timeout, expected) << text;
  }
  sources.environment = {{"EVENT_RETENTION_DAYS", "36h"}, {"COMMIT_WINDOW_US", "2ms"}};
  EXPECT_EQ(load().event_retention, std::chrono::hours{36});
  EXPECT_EQ(load().commit_window, microseconds{2'000});
  for (const auto* text : {"10x", "s", "1e400", "nan", "inf", "10 s", "-5", "0.0001", "11m"}) {
    sources.environment = {{"REQUEST_TIMEOUT", text}};
    EXPECT_THAT(refusal(), HasSubstr("REQUEST_TIMEOUT")) << text;
  }
}

TEST_F(SettingsTest, YesAndNoHaveManyWords) {
  for (const auto* text : {"true", "TRUE", "1", "yes", "on"}) {
    sources.environment = {{"ENABLE_MONITORING", text}};
    EXPECT_TRUE(load().monitoring_enabled) << text;
  }
  for (const auto* text : {"false", "False", "0", "no", "off"}) {
    sources.environment = {{"ENABLE_MONITORING", text}};
    EXPECT_FALSE(load().monitoring_enabled) << text;
  }
  sources.environment = {{"ENABLE_MONITORING", "maybe"}};
  EXPECT_THAT(refusal(), HasSubstr("true or false"));
}

TEST_F(SettingsTest, EnvFilesAreReadAsTheyAreWrittenElsewhere) {
  sources.env_files = {file(".env",
                            "\xEF\xBB\xBF# a comment\r\n"
                            "\n"
                            "export PORT = 99 # another\n"
                            "JWT_ISSUER=\"a # b\\n\\\"c\\\"\" # third\n"
                            "JWT_AUDIENCE='${literal}\\n'\n"
                            "ALERT_EMAIL=a#b=c\r\n"
                            "SLACK_WEBHOOK_URL= # none\n"
                            "SOMETHING_ELSE=kept")};
  const auto settings = load();
  EXPECT_EQ(settings.port, 99);
  EXPECT_EQ(settings.jwt_issuer, "a # b\n\"c\"");
  EXPECT_EQ(settings.jwt_audience, "${literal}\\n");
  EXPECT_EQ(settings.alert_email, "a#b=c");
  EXPECT_EQ(settings.slack_webhook_url, "");
  EXPECT_EQ(**settings.variable("SOMETHING_ELSE"), "kept");
}

TEST_F(SettingsTest, ABrokenLineOfAnEnvFileIsNamedWithoutItsValue) {
  sources.env_files = {file(".env", "PORT=1\nhunter2\nJWT_SECRET=\"hunter2\nA-B=hunter2\nX='hunter2' hunter2\n")};
  const auto message = refusal();
  EXPECT_THAT(message, HasSubstr(sources.env_files[0] + ":2: must be NAME=value"));
  EXPECT_THAT(message, HasSubstr(":3: the value of JWT_SECRET has a quote that does not end the line"));
  EXPECT_THAT(message, HasSubstr(":4: must be NAME=value"));
  EXPECT_THAT(message, HasSubstr(":5: the value of X has a quote"));
  EXPECT_THAT(message, Not(HasSubstr("hunter2")));
}

TEST_F(SettingsTest, AnUnknownSettingOfTheYamlIsRefusedWithTheOneThatWasMeant) {
  sources.config_file =
      file("my.yaml", "settings:\n  port: 8025\n  retry_atempts: 3\n  zzz: 1\n  config: other.yaml\n");
  const auto message = refusal();
  EXPECT_THAT(message,
              HasSubstr(sources.config_file + ":3: settings.retry_atempts: there is no such setting; did you mean "
                                              "`retry_attempts`?"));
  EXPECT_THAT(message, HasSubstr(":4: settings.zzz: there is no such setting\n"));
  EXPECT_THAT(message, HasSubstr(":5: settings.config: a configuration file cannot name another one"));
}

TEST_F(SettingsTest, ARefusedCredentialIsReplacedAndNothingElse) {
  const std::string key = file("key", "old\n");
  sources.environment = {{"BIZOHOLIC_API_KEY_FILE", key},
                         {"SHOPIFY_TOKEN_FILE", file("token", "old")},
                         {"BIZOHOLIC_FRONTEND_URL", "http://a"}};
  const Settings running = load();
  file("key", "new\n");
  file("token", "new\n");
  sources.environment["BIZOHOLIC_FRONTEND_URL"] = "http://b";
  sources.config_file = file("my.yaml", "settings: {retry_attempts: 7}\n");
  const Settings next = with_secrets_of(running, load());
  EXPECT_EQ(**next.variable("BIZOHOLIC_API_KEY"), "new");
  EXPECT_EQ(**next.variable("SHOPIFY_TOKEN"), "new") << "of a platform of the user's own";
  EXPECT_EQ(**next.variable("BIZOHOLIC_FRONTEND_URL"), "http://a");
  EXPECT_EQ(**next.variable("RETRY_ATTEMPTS"), **running.variable("RETRY_ATTEMPTS"));
  EXPECT_EQ(next.config_text, "");
}

TEST_F(SettingsTest, AConfigurationFileThatCannotBeReadOrParsedIsNamed) {
  sources.config_file = "/nowhere.yaml";
  EXPECT_THAT(refusal(), HasSubstr("CONFIG: the file /nowhere.yaml (--config) cannot be read"));
  sources.config_file = "";
  sources.environment = {{"CONFIG", "/elsewhere.yaml"}};
  EXPECT_THAT(refusal(), AllOf(HasSubstr("CONFIG: the file that it names (environment) cannot be read"),
                               Not(HasSubstr("elsewhere"))));
  sources.environment = {{"CONFIG", file("bad.yaml", "settings: [\n")}};
  EXPECT_THAT(refusal(), HasSubstr("bad.yaml:"));
  sources.environment = {{"CONFIG", file("list.yaml", "settings: [1]\n")}};
  EXPECT_THAT(refusal(), HasSubstr("list.yaml:1: settings: must be a map"));
  sources.environment = {{"CONFIG", file("deep.yaml", "settings: {port: {a: 1}}\n")}};
  EXPECT_THAT(refusal(), HasSubstr("settings.port: must be one value"));
}

TEST_F(SettingsTest, TheFlagConfigGoesBeforeTheVariable) {
  sources.environment = {{"CONFIG", "/nowhere.yaml"}};
  sources.config_file = file("my.yaml", "settings: {listen_address: [127.0.0.1, '::1'], port: 0}\nplatforms: {}\n");
  const auto settings = load();
  EXPECT_EQ(settings.config_file, sources.config_file);
  EXPECT_THAT(settings.config_text, HasSubstr("platforms: {}"));
  EXPECT_THAT(settings.listen_addresses, ElementsAre("127.0.0.1", "::1"));
  EXPECT_EQ(row(settings, "CONFIG").place, "--config");
}

TEST_F(SettingsTest, ProductionListensEverywhereAndNeedsAKey) {
  sources.environment = {{"ENVIRONMENT", "staging"}};
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("JWT_SECRET is missing"), HasSubstr("ENVIRONMENT, environment, is not development"),
                    HasSubstr("openssl rand"), HasSubstr("ENVIRONMENT=development")));
  sources.environment["JWT_SECRET"] = kGoodSecret;
  const auto settings = load();
  EXPECT_FALSE(settings.development());
  EXPECT_THAT(settings.listen_addresses, ElementsAre("::"));
  EXPECT_THAT(settings.warnings, IsEmpty());
}

TEST_F(SettingsTest, AKeyThatIsShortKnownOrCopiedIsRefusedInProduction) {
  sources.environment = {{"ENVIRONMENT", "production"}};
  for (const auto& [secret, why] : {std::pair<std::string, std::string>{"your-secret-key", "too short"},
                                    {"kS8v0qLx2mT5nR7wZ1cY4bH9dF3gJ6a", "too short"},
                                    {"your-secret-key-change-this-in-production", "known default"},
                                    {std::string(64, 'a'), "known default"},
                                    {"your-secret-key-change-in-production-please", "looks copied"},
                                    {"Change_Me_Change_Me_Change_Me_0123456789", "looks copied"},
                                    {"1234567812345678123456781234567812345678", "looks copied"}}) {
    sources.environment["JWT_SECRET"] = secret;
    const auto message = refusal();
    EXPECT_THAT(message, AllOf(HasSubstr(why), HasSubstr("(environment)"), Not(HasSubstr(secret))));
  }
}

TEST_F(SettingsTest, DevelopmentSaysLoudlyThatAnybodyIsAdmin) {
  EXPECT_THAT(load().warnings, ElementsAre(HasSubstr("every caller is an admin")));
  sources.environment = {{"ENVIRONMENT", "Development"}, {"LISTEN_ADDRESS", "127.0.0.1, 0.0.0.0"}};
  EXPECT_THAT(load().warnings, Contains(HasSubstr("LISTEN_ADDRESS 0.0.0.0 lets other machines in")));
  EXPECT_THAT(load().warnings, SizeIs(2));
}

TEST_F(SettingsTest, WhatIsNoIpAddressIsNoListenAddress) {
  for (const auto* text : {"localhost", "127.0.0.1:80", ",", "::1,nowhere"}) {
    sources.environment = {{"LISTEN_ADDRESS", text}};
    EXPECT_THAT(refusal(), HasSubstr("LISTEN_ADDRESS")) << text;
  }
  sources.environment = {{"LISTEN_ADDRESS", "[::1]"}};
  EXPECT_THAT(load().listen_addresses, ElementsAre("::1"));
}

TEST_F(SettingsTest, TheDatabaseIsAnSqliteFile) {
  sources.environment = {{"DATABASE_URL", "sqlite:///here.db"}};
  EXPECT_EQ(load().database_file, "here.db");
  sources.environment = {{"DATABASE_URL", "sqlite:////var/there.db"}};
  EXPECT_EQ(load().database_file, "/var/there.db");
  for (const auto* url : {"sqlite://", "sqlite:///", "mysql://h/db", "here.db", "sqlite:///a.db?mode=ro"}) {
    sources.environment = {{"DATABASE_URL", url}};
    EXPECT_THAT(refusal(), AllOf(HasSubstr("DATABASE_URL: must be sqlite:///file"), HasSubstr("(environment)"))) << url;
  }
}

TEST_F(SettingsTest, TheDatabaseMayBePostgresAndItsPasswordIsNeverShown) {
  for (const auto* url : {"postgresql://admin:hunter2@db:5432/bizosaas", "postgres://admin:hunter2@db/bizosaas"}) {
    sources.environment = {{"DATABASE_URL", url}};
    const auto settings = load();
    EXPECT_EQ(settings.database_location, url);
    EXPECT_EQ(settings.database_file, "");
    EXPECT_THAT(row(settings, "DATABASE_URL").shown, Not(HasSubstr("hunter2")));
  }
  sources.environment = {{"DATABASE_URL", "postgrexql://admin:hunter2@db/bizosaas"}};
  EXPECT_THAT(refusal(), AllOf(HasSubstr("DATABASE_URL"), Not(HasSubstr("hunter2"))));
}

TEST_F(SettingsTest, KafkaIsNamedByItsBrokers) {
  sources.environment = {{"KAFKA_BROKERS", "k1, k2:19092"}};
  EXPECT_EQ(load().kafka_brokers, "k1:9092,k2:19092");
  sources.environment = {{"KAFKA_BROKERS", "k1:9092,http://k2"}};
  EXPECT_THAT(refusal(), HasSubstr("KAFKA_BROKERS (environment): broker 2 must be `host:port`"));
}

TEST_F(SettingsTest, KafkasTopicsOfOthersNeedBrokersAndAreNotOurOwn) {
  sources.environment = {
      {"KAFKA_BROKERS", "k1"}, {"KAFKA_INPUT_TOPICS", "shop, crm,shop"}, {"KAFKA_OUTCOME_TOPIC", "out"}};
  EXPECT_THAT(load().kafka_input_topic_names, ElementsAre("crm", "shop"));
  EXPECT_EQ(load().kafka_group, "data-sync");
  sources.environment = {{"KAFKA_INPUT_TOPICS", "crm"}};
  EXPECT_THAT(refusal(), HasSubstr("KAFKA_INPUT_TOPICS: needs KAFKA_BROKERS"));
  sources.environment = {{"KAFKA_OUTCOME_TOPIC", "out"}};
  EXPECT_THAT(refusal(), HasSubstr("KAFKA_OUTCOME_TOPIC: needs KAFKA_BROKERS"));
  sources.environment = {{"KAFKA_BROKERS", "k1"}, {"KAFKA_INPUT_TOPICS", "crm,data-sync.events"}};
  EXPECT_THAT(refusal(), HasSubstr("KAFKA_INPUT_TOPICS: must not have that of KAFKA_TOPIC"));
  sources.environment = {{"KAFKA_BROKERS", "k1"}, {"KAFKA_OUTCOME_TOPIC", "data-sync.dead-letters"}};
  EXPECT_THAT(refusal(), HasSubstr("KAFKA_OUTCOME_TOPIC: must be another topic"));
}

TEST_F(SettingsTest, RedisIsNamedByItsUrlWhosePasswordIsNeverShown) {
  EXPECT_FALSE(load().redis);
  sources.environment = {{"REDIS_URL", "redis://:hunter2@localhost:6379/6"}};
  const auto settings = load();
  ASSERT_TRUE(settings.redis);
  EXPECT_EQ(settings.redis->password, "hunter2");
  EXPECT_EQ(settings.redis->str(), "redis://localhost:6379/6");
  EXPECT_EQ(row(settings, "REDIS_URL").shown, "redis://***@localhost:6379/6");
  sources.environment = {{"REDIS_URL", "rediss://:hunter2@localhost:6379/6"}};
  EXPECT_THAT(refusal(), AllOf(HasSubstr("REDIS_URL (environment): TLS"), Not(HasSubstr("hunter2"))));
}

TEST_F(SettingsTest, WhatHasNoEffectInThisBuildIsSaidOnceForAll) {
  sources.environment = {{"ALERT_EMAIL", "ops@example.com"}, {"SYNC_BATCH_SIZE", "10"}, {"RETRY_ATTEMPTS", "2"}};
  EXPECT_THAT(load().warnings,
              Contains("without effect in this build: SYNC_BATCH_SIZE (environment), ALERT_EMAIL (environment)"));
}

TEST_F(SettingsTest, SecretsAreNeverShown) {
  sources.environment = {{"JWT_SECRET", "hunter2"},
                         {"CORELDOVE_API_KEY", "hunter2"},
                         {"SLACK_WEBHOOK_URL", "https://hooks/hunter2"},
                         {"REDIS_URL", "redis://user:hunter2@h/6"}};
  const auto text = render_settings(load());
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  EXPECT_THAT(text, HasSubstr("set, 7 bytes"));

  sources.environment = {{"BIZOSAAS_BRAIN_URL", "http://user:hunter2@brain"}};
  EXPECT_THAT(refusal(), AllOf(HasSubstr("BIZOSAAS_BRAIN_URL: the value"), Not(HasSubstr("hunter2"))));
}

TEST_F(SettingsTest, AVariableIsASettingOrWhateverElseTheEnvironmentHas) {
  sources.environment = {{"SHOP_TOKEN_FILE", file("token", "abc\n")}, {"SALEOR_API_URL", "http://saleor:8000"}};
  const auto settings = load();
  EXPECT_EQ(**settings.variable("SHOP_TOKEN"), "abc");
  EXPECT_EQ(**settings.variable("SALEOR_API_URL"), "http://saleor:8000");
  EXPECT_EQ(**settings.variable("BIZOSAAS_BRAIN_URL"), "http://localhost:8001");
  EXPECT_FALSE(*settings.variable("CORELDOVE_FRONTEND_URL"));
  EXPECT_FALSE(*settings.variable("NOTHING"));
  std::filesystem::remove(folder_ / "token");
  EXPECT_FALSE(settings.variable("SHOP_TOKEN"));
}

TEST_F(SettingsTest, ANameNearASettingInTheEnvironmentIsWarnedOf) {
  sources.environment = {{"JWT_SECERT", "x"},
                         {"REQUEST_TIMEOUTS", "x"},
                         {"LOG_LEVL", "x"},
                         {"BACKOFF_FACTOX", "x"},
                         {"HOME", "/"},
                         {"REQUEST_TIMEOUT_FILE", ""},
                         {"COMPLETELY_DIFFERENT", "x"}};
  const auto warnings = load().warnings;
  EXPECT_THAT(warnings, Contains("JWT_SECERT (environment) is no setting; did you mean JWT_SECRET?"));
  EXPECT_THAT(warnings, Contains("REQUEST_TIMEOUTS (environment) is no setting; did you mean REQUEST_TIMEOUT?"));
  EXPECT_THAT(warnings, Contains("LOG_LEVL (environment) is no setting; did you mean LOG_LEVEL?"));
  EXPECT_THAT(warnings, Contains("BACKOFF_FACTOX (environment) is no setting; did you mean BACKOFF_FACTOR?"));
  EXPECT_THAT(warnings, SizeIs(5));  // and the one about development
}

TEST_F(SettingsTest, AReloadNamesWhatNeedsARestart) {
  const auto running = load();
  sources.environment = {{"PORT", "1"}, {"LOG_LEVEL", "debug"}};
  EXPECT_THAT(changed_for_restart(running, load()), ElementsAre("PORT"));
}

TEST(SettingsTable, EveryNameStandsOnceAndSaysWhatItIsFor) {
  std::set<std::string_view> names;
  for (const auto& setting : settings_table()) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    EXPECT_FALSE(setting.reason.empty()) << setting.name;
    EXPECT_FALSE(setting.group.empty()) << setting.name;
    EXPECT_LE(setting.min, setting.max) << setting.name;
  }
}

TEST(SettingsTable, TheDocumentIsWhatTheTableSays) {
  std::ifstream file(std::string(DATASYNC_SOURCE_DIR) + "/docs/settings.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str() == settings_markdown()) << "docs/settings.md is old; data-sync config docs > docs/settings.md";
}

}  // namespace
}  // namespace datasync::app
