// What one conflict costs that a rule in Lua settles, and the floor beside it: the same conflict settled in C++.
//
//   ninja -C build/release conflict_bench && build/release/conflict_bench

#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>

#include "conflict/strategies/custom_logic.h"
#include "conflict/strategies/latest_wins.h"
#include "domain/json.h"

namespace datasync::conflict {
namespace {

const SystemClock kClock;

std::shared_ptr<const Strategy> shipped(const std::string& name) {
  std::ifstream file(std::string(DATASYNC_SOURCE_DIR) + "/config/rules/" + name + ".lua");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return CustomLogic::compile(name, text, {.clock = &kClock}).value();
}

void settle(benchmark::State& state, const Strategy& strategy, std::string_view incoming_text,
            std::string_view golden_text) {
  const Value incoming = parse_json(incoming_text).value();
  const Value golden = parse_json(golden_text).value();
  const FieldConflict conflict{"lead",
                               "score",
                               {&incoming, PlatformId("bizosaas"), HybridTime{1'700'000'000'000'000}, 1},
                               {&golden, PlatformId("bizoholic"), HybridTime{1'700'000'000'000'001}, 0}};
  for (auto _ : state) benchmark::DoNotOptimize(strategy.resolve(conflict));
}

void latest_wins(benchmark::State& state) {
  settle(state, LatestWins(), "60", "80");
}
void lead_score(benchmark::State& state) {
  settle(state, *shipped("lead_score"), "60", "80");
}
void lead_score_decimals(benchmark::State& state) {
  settle(state, *shipped("lead_score"), "60.25", "80.5");
}
void inventory(benchmark::State& state) {
  settle(state, *shipped("inventory"), "3", "7");
}
void failing_rule(benchmark::State& state) {
  settle(state, *CustomLogic::compile("r", "function resolve(c) return c.x.y end", {.clock = &kClock}).value(), "1",
         "2");
}
void endless_rule(benchmark::State& state) {
  settle(state, *CustomLogic::compile("r", "function resolve() while true do end end", {.clock = &kClock}).value(), "1",
         "2");
}
void compile(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(shipped("lead_score"));
}

BENCHMARK(latest_wins);
BENCHMARK(lead_score);
BENCHMARK(lead_score_decimals);
BENCHMARK(inventory);
BENCHMARK(failing_rule);
BENCHMARK(endless_rule);
BENCHMARK(compile);

}  // namespace
}  // namespace datasync::conflict

BENCHMARK_MAIN();
