#include "app/rules_report.h"

#include <fmt/format.h>

#include <iterator>

#include "api/json_writer.h"
#include "cli/terminal.h"

namespace datasync::app {
namespace {

using pipeline::WhatIf;
using Example = WhatIf::Example;

/// Terminals are watched and logs are kept, so a value is named by its kind alone unless somebody asks for it.
std::string shown(const std::optional<Value>& value, bool show_values) {
  if (!value) return "nothing";
  if (show_values) return cli::printable(value->text());
  switch (value->kind()) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
      return "(true or false)";
    case Value::Kind::kNumber:
      return "(a number)";
    case Value::Kind::kString:
      return "(a text)";
    case Value::Kind::kArray:
      return "(a list)";
    case Value::Kind::kObject:
      return "(an object)";
  }
  return {};
}

void append_example(std::string& out, const Example& example, bool show_values) {
  out += cli::printable(fmt::format("  {} {} of {}", example.entity, example.id.str(), example.tenant.str()));
  if (!example.target.str().empty()) out += " to " + example.target.str();
  out += '\n';
  for (const Example::Difference& one : example.fields) {
    out += fmt::format("    {}: {} -> {}\n", cli::printable(one.field), shown(one.now, show_values),
                       shown(one.proposed, show_values));
  }
}

void append_counts(std::string& out, const std::map<std::string, std::int64_t>& counts) {
  for (const auto& [name, count] : counts) out += fmt::format("  {:>9}  {}\n", count, cli::printable(name));
}

void append_examples(std::string& out, const std::vector<Example>& examples, std::int64_t all, bool show_values) {
  if (examples.empty()) return;
  out += fmt::format("the first {} of {}:\n", examples.size(), all);
  for (const Example& example : examples) append_example(out, example, show_values);
}

void write_counts(api::JsonWriter& out, std::string_view name, const std::map<std::string, std::int64_t>& counts) {
  out.key(name).begin_object();
  for (const auto& [key, count] : counts) out.field(key, count);
  out.end_object();
}

void write_side(api::JsonWriter& out, std::string_view name, const WhatIf::Side& side) {
  out.key(name).begin_object().field("deliveries", side.deliveries);
  out.field("waits_for_person", side.waits_for_person).field("failed", side.failed);
  out.field("decisions_not_asked", side.not_asked).end_object();
}

void write_value(api::JsonWriter& out, std::string_view name, const std::optional<Value>& value, bool show_values) {
  out.key(name);
  if (!value) {
    out.null();
  } else if (show_values) {
    out.raw(value->text());
  } else {
    out.text(shown(value, false));
  }
}

void write_examples(api::JsonWriter& out, std::string_view name, const std::vector<Example>& examples,
                    bool show_values) {
  out.key(name).begin_array();
  for (const Example& example : examples) {
    out.begin_object().field("tenant_id", example.tenant.str()).field("entity_type", example.entity);
    out.field("entity_id", example.id.str()).field_or_null("target_platform", example.target.str());
    out.key("fields").begin_array();
    for (const Example::Difference& one : example.fields) {
      out.begin_object().field("field", one.field);
      write_value(out, "now", one.now, show_values);
      write_value(out, "proposed", one.proposed, show_values);
      out.end_object();
    }
    out.end_array().end_object();
  }
  out.end_array();
}

}  // namespace

std::string report_text(const WhatIf& found, const cli::RulesTestOptions& options) {
  std::string out = fmt::format("{} events since {}, about {} records\n\n", found.events, format_rfc3339(options.since),
                                found.records);
  out += fmt::format("{:24}{:>12}{:>12}\n", "", "now", "proposed");
  const auto row = [&out](std::string_view name, std::int64_t now, std::int64_t proposed) {
    out += fmt::format("{:24}{:>12}{:>12}\n", name, now, proposed);
  };
  row("deliveries", found.now.deliveries, found.proposed.deliveries);
  row("events for a person", found.now.waits_for_person, found.proposed.waits_for_person);
  row("events without effect", found.now.failed, found.proposed.failed);
  if (found.now.not_asked + found.proposed.not_asked > 0) {
    row("decisions not asked for", found.now.not_asked, found.proposed.not_asked);
  }
  out += fmt::format("\n{} records differ{}\n", found.records_differ, found.records_differ == 0 ? "" : ", by field:");
  append_counts(out, found.by_field);
  append_examples(out, found.record_examples, found.records_differ, options.show_values);
  out += fmt::format("\n{} deliveries differ{}\n", found.deliveries_differ,
                     found.deliveries_differ == 0 ? "" : ", by platform and by what they say:");
  append_counts(out, found.by_platform);
  append_counts(out, found.by_sent);
  append_examples(out, found.delivery_examples, found.deliveries_differ, options.show_values);
  return out;
}

std::string report_json(const WhatIf& found, const cli::RulesTestOptions& options) {
  api::JsonWriter out;
  out.begin_object().field("since", options.since).field("differs", found.differs());
  out.field("events", found.events).field("records", found.records);
  write_side(out, "now", found.now);
  write_side(out, "proposed", found.proposed);
  out.field("records_differ", found.records_differ).field("deliveries_differ", found.deliveries_differ);
  write_counts(out, "records_by_field", found.by_field);
  write_counts(out, "deliveries_by_platform", found.by_platform);
  write_counts(out, "deliveries_by_field", found.by_sent);
  write_examples(out, "record_examples", found.record_examples, options.show_values);
  write_examples(out, "delivery_examples", found.delivery_examples, options.show_values);
  out.end_object();
  return out.take() + "\n";
}

}  // namespace datasync::app
