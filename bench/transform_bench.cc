// Cost of turning one event into canonical words and into the words of one target: `ninja transform_bench &&
// ./transform_bench`.
#include <benchmark/benchmark.h>

#include "transform/contract_mapping_for_tests.h"

namespace datasync::transform {
namespace {

const Fields& user() {
  static const Fields kUser = object(
      R"({"company":"Schmidt & Daughters GmbH","country":"DE","customer_email":"anna.schmidt@example.com",)"
      R"("customer_id":"VXNlcjox","customer_phone":"+49 30 1234567","language":"de","status":"published","vip":true})");
  return kUser;
}

const Fields& product() {
  static const Fields kProduct = object(
      R"({"currency":"INR","product_id":"p1","product_inventory":3,"product_name":"Lamp","product_price":1659.17,)"
      R"("sku":"LAMP-1","status":"draft"})");
  return kProduct;
}

void to_canonical(benchmark::State& state, std::string_view entity, const Fields& data) {
  const Mapper mapper = contract_mapper();
  for (auto _ : state) benchmark::DoNotOptimize(mapper.to_canonical(kCoreldove, entity, data));
}

void to_platform(benchmark::State& state, std::string_view entity, const Fields& data, const PlatformId& target) {
  const Mapper mapper = contract_mapper();
  const Fields canonical = mapper.to_canonical(kCoreldove, entity, data)->fields;
  const OutboundContext context{EntityId("0195f8a0-7c1e-7000-8000-000000000001"), RecordVersion{3}, kCoreldove, {}};
  for (auto _ : state) {
    auto sent = mapper.to_platform(target, entity, canonical);
    mapper.add_context(target, entity, "0195f8a0-7c1e-7000-8000-000000000001", context, *sent);
    benchmark::DoNotOptimize(sent);
  }
}

void held_hashes(benchmark::State& state, std::string_view entity, const Fields& data) {
  const Mapper mapper = contract_mapper();
  const Fields canonical = mapper.to_canonical(kCoreldove, entity, data)->fields;
  for (auto _ : state) {
    for (const Field& field : canonical) {
      benchmark::DoNotOptimize(mapper.held_hash(kBizoholic, entity, field.name, field.value));
    }
  }
}

void copy(benchmark::State& state) {
  for (auto _ : state) {
    Fields fields = user();
    benchmark::DoNotOptimize(fields);
  }
}

BENCHMARK(copy);  // the floor: the same eight fields, only copied
BENCHMARK_CAPTURE(to_canonical, user, "user", user());
BENCHMARK_CAPTURE(to_canonical, product, "product", product());
BENCHMARK_CAPTURE(to_platform, user_to_bizoholic, "user", user(), kBizoholic);
BENCHMARK_CAPTURE(to_platform, user_to_bizosaas, "user", user(), kBizosaas);
BENCHMARK_CAPTURE(to_platform, product_to_bizoholic, "product", product(), kBizoholic);
BENCHMARK_CAPTURE(held_hashes, user, "user", user());
BENCHMARK_CAPTURE(held_hashes, product, "product", product());

}  // namespace
}  // namespace datasync::transform

BENCHMARK_MAIN();
