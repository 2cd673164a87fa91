// Sends events to a service and prints one line of JSON about how it answered. What the options mean stands in
// generator.h.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "generator.h"
#include "options.h"

namespace datasync::bench {
namespace {

constexpr std::string_view kUsage =
    "bench_load [--url URL] [--connections N] [--rate REQUESTS_PER_SECOND] [--tick-us N] [--requests N] [--seconds N]\n"
    "           [--form single|array|ndjson] [--batch EVENTS_PER_REQUEST] [--known SHARE] [--records N] [--first-new "
    "N]\n"
    "           [--first-number N] [--run WORD] [--tenants N] [--writers one|solo|rivals]\n";

BatchForm form_of(const std::string& word) {
  if (word == "single") return BatchForm::kSingle;
  if (word == "array") return BatchForm::kArray;
  if (word == "ndjson") return BatchForm::kNdjson;
  throw std::invalid_argument("no form: " + word);
}

Writers writers_of(const std::string& word) {
  if (word == "one") return Writers::kOne;
  if (word == "solo") return Writers::kSolo;
  if (word == "rivals") return Writers::kRivals;
  throw std::invalid_argument("no writers: " + word);
}

Generator::Options read_options(int count, const char* const* arguments) {
  const Options given(count, arguments,
                      {"url", "connections", "rate", "tick-us", "requests", "seconds", "form", "batch", "known",
                       "records", "first-new", "first-number", "run", "tenants", "writers"});
  Generator::Options options;
  options.url = given.text("url", options.url);
  options.connections = given.number("connections", options.connections);
  options.requests_per_second = given.number("rate", options.requests_per_second);
  options.tick_us = std::max<std::uint64_t>(given.number("tick-us", options.tick_us), 1);
  options.requests = given.number("requests", options.requests);
  options.seconds_max = given.number("seconds", options.requests > 0 ? 600.0 : options.seconds_max);
  options.form = form_of(given.text("form", "single"));
  options.events_per_request = given.number("batch", options.events_per_request);
  options.first_number = given.number("first-number", options.first_number);
  options.run = given.text("run", options.run);
  options.tenants = given.number("tenants", options.tenants);
  options.writers = writers_of(given.text("writers", "one"));
  options.records.known_share = given.number("known", options.records.known_share);
  options.records.records = given.number("records", options.records.records);
  options.records.first_new = given.number("first-new", options.records.first_new);
  if (options.form == BatchForm::kSingle && options.events_per_request != 1) {
    throw std::invalid_argument("--batch needs --form array or ndjson");
  }
  return options;
}

void print(const Generator::Report& report) {
  std::string statuses;
  for (const auto& [status, times] : report.statuses) {
    statuses += fmt::format("{}\"{}\":{}", statuses.empty() ? "" : ",", status, times);
  }
  fmt::print(
      R"({{"requests":{},"events":{},"began_us":{},"seconds":{:.6f},"requests_per_second":{:.1f},"statuses":{{{}}},"broken":{},"unanswered":{},)"
      R"("latency_us":{{"p50":{},"p90":{},"p99":{},"p999":{},"max":{}}},"late_max_us":{},"cpu_us_per_request":{:.2f}}})"
      "\n",
      report.requests, report.events, report.began_us, report.seconds,
      report.seconds > 0 ? static_cast<double>(report.requests) / report.seconds : 0.0, statuses, report.broken,
      report.unanswered, report.latency_us.quantile(0.5), report.latency_us.quantile(0.9),
      report.latency_us.quantile(0.99), report.latency_us.quantile(0.999), report.latency_us.max(), report.late_max_us,
      report.cpu_us_per_request);
}

}  // namespace
}  // namespace datasync::bench

int main(int count, char** arguments) {
  try {
    datasync::bench::Generator generator(datasync::bench::read_options(count - 1, arguments + 1));
    datasync::bench::print(generator.run());
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n{}", error.what(), datasync::bench::kUsage);
    return 2;
  }
}
