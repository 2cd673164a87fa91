#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "api/embedded_files.h"
#include "api/router.h"
#include "domain/json.h"

namespace datasync::api {
namespace {

Fields description() {
  return parse_json_object(find_file(description_files(), "openapi.json")).value();
}

std::string lower(std::string_view text) {
  std::string small(text);
  for (char& c : small) c = static_cast<char>(c | 0x20);
  return small;
}

/// Every `$ref` in a JSON text.
std::set<std::string> references(std::string_view json) {
  std::set<std::string> found;
  constexpr std::string_view kMark = R"("$ref":"#/)";
  for (auto at = json.find(kMark); at != std::string_view::npos; at = json.find(kMark, at + 1)) {
    const auto begin = at + kMark.size();
    found.emplace(json.substr(begin, json.find('"', begin) - begin));
  }
  return found;
}

TEST(Description, NamesEveryRouteAndNoOther) {
  std::set<std::string> described;
  const Fields paths = members_of(*description().find("paths"));
  for (const Field& path : paths) {
    const Fields methods = members_of(path.value);
    for (const Field& method : methods) described.insert(method.name + ' ' + path.name);
  }
  std::set<std::string> served;
  for (const Route& route : all_routes()) {
    served.insert(lower(net::to_string(route.method)) + ' ' + std::string(route.path));
  }
  EXPECT_EQ(described, served);
}

TEST(Description, EveryCallHasAnIdASummaryAndAnswersAndItsPathParameters) {
  std::set<std::string> ids;
  const Fields paths = members_of(*description().find("paths"));
  for (const Field& path : paths) {
    const Fields methods = members_of(path.value);
    for (const Field& method : methods) {
      const Fields call = members_of(method.value);
      const std::string name = method.name + ' ' + path.name;
      ASSERT_TRUE(call.contains("operationId") && call.contains("summary") && call.contains("responses")) << name;
      EXPECT_TRUE(ids.insert(call.find("operationId")->text()).second) << name;
      const std::string parameters = call.contains("parameters") ? call.find("parameters")->text() : "";
      const auto declared = [&parameters] {
        std::size_t count = 0;
        for (auto at = parameters.find(R"("in":"path")"); at != std::string::npos;
             at = parameters.find(R"("in":"path")", at + 1)) {
          ++count;
        }
        return count;
      }();
      EXPECT_EQ(declared, static_cast<std::size_t>(std::count(path.name.begin(), path.name.end(), '{'))) << name;
    }
  }
}

TEST(Description, EveryReferenceLeadsSomewhere) {
  const Fields whole = description();
  for (const std::string& reference : references(whole.to_json())) {
    Fields at = whole;
    std::string_view rest = reference;
    while (!rest.empty()) {
      const auto end = std::min(rest.find('/'), rest.size());
      const Value* next = at.find(rest.substr(0, end));
      ASSERT_NE(next, nullptr) << reference;
      at = members_of(*next);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
}

TEST(Description, ThePagesLoadNothingFromElsewhere) {
  const auto check = [](std::string_view path, std::string_view text) {
    for (const std::string_view mark : {"src=\"http", "href=\"http", "from 'http", "url(http", "@import"}) {
      EXPECT_EQ(text.find(mark), std::string_view::npos) << path;
    }
  };
  for (const EmbeddedFile& file : live_page_files()) check(file.path, file.text);
  check("docs.html", find_file(description_files(), "docs.html"));
  EXPECT_FALSE(find_file(live_page_files(), "main.js").empty());
}

}  // namespace
}  // namespace datasync::api
