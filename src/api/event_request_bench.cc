// What it costs to read and judge one event of 600 bytes, and to recognise a token that was seen before.
//
//   ninja -C build/release api_bench && build/release/api_bench

#include <benchmark/benchmark.h>

#include "api/event_request.h"
#include "security/gatekeeper.h"
#include "security/jws.h"

namespace datasync {
namespace {

constexpr std::string_view kSecret = "k7Vw2mQzR9tXc4Lp8Hn3Jd6Fs1Gy5Ba0";

const std::string kBody =
    R"({"event_type": "user_updated", "source_platform": "bizoholic", "target_platforms": ["coreldove", "bizosaas"],
  "tenant_id": "tenant-17", "user_id": "admin-3", "priority": 5, "occurred_at": "2026-01-31T09:30:00.123Z",
  "data": {"user_id": "u-1234567", "full_name": "Ada Lovelace", "email_address": "ada.lovelace@example.com",
  "phone_number": "+44 20 7946 0958", "preferences": {"theme": "dark", "language": "en", "newsletter": true},
  "profile_data": {"company": "Analytical Engines", "title": "Countess", "city": "London"},
  "last_login": "2026-01-31T09:29:00Z", "score": 87.5, "active": true}, "metadata": {"origin": "crm", "batch": 7}})";

pipeline::Catalog make_catalog() {
  transform::Mapping mapping;
  for (const char* name : {"bizoholic", "coreldove", "bizosaas"}) {
    auto& platform = mapping.platforms[PlatformId{name}];
    platform.platform = {PlatformId{name}, Currency::parse("USD").value()};
    platform.entities["user"].to_canonical = {{"user_id", "id"}, {"full_name", "name"}, {"email_address", "email"}};
  }
  mapping.entities["user"].natural_keys = {"email"};
  return {transform::Mapper(std::move(mapping), transform::RateTable{}), conflict::RuleBook{}, {}};
}

void read_event_of_600_bytes(benchmark::State& state) {
  const pipeline::Catalog catalog = make_catalog();
  security::Caller caller;
  caller.all_tenants = true;
  const SystemClock clock;
  const api::RequestContext context{catalog, caller, clock.now()};
  for (auto _ : state) {
    auto event = api::read_event(kBody, context);
    if (!event) state.SkipWithError(event.error().detail.c_str());
    benchmark::DoNotOptimize(event);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kBody.size()));
}
BENCHMARK(read_event_of_600_bytes);

/// The part of it that parsing alone is.
void parse_600_bytes(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(parse_nested_object(kBody, "data"));
}
BENCHMARK(parse_600_bytes);

const std::string kClaims = R"({"sub":"someone","tenant_id":["a","b"],"roles":["service"],"exp":4102444800})";

void admit_known_token(benchmark::State& state) {
  const SystemClock clock;
  const auto gatekeeper =
      security::Gatekeeper::make({.environment = "production", .jwt_secret = std::string(kSecret)}, clock).value();
  const std::string token = security::Hs256(kSecret).seal(kClaims);
  for (auto _ : state) benchmark::DoNotOptimize(gatekeeper->admit(token));
}
BENCHMARK(admit_known_token);

void verify_new_token(benchmark::State& state) {
  security::Hs256 key(kSecret);
  const std::string token = key.seal(kClaims);
  for (auto _ : state) {
    const auto payload = key.open(token);
    benchmark::DoNotOptimize(security::read_claims(*payload, {}, Timestamp{seconds{1'767'225'600}}));
  }
}
BENCHMARK(verify_new_token);

}  // namespace
}  // namespace datasync

BENCHMARK_MAIN();
