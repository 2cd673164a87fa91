// What a REST platform answers, to a single change and to a batch.

#include "answer_world.h"
#include "delivery/connectors/connectors.h"

namespace datasync::fuzz {
namespace {

using namespace delivery;

std::unique_ptr<Connector> make() {
  RestOptions options;
  options.platform = PlatformId("bizoholic");
  options.base_url = "http://127.0.0.1:1/base";
  options.credential = {Credential::Kind::kBearer, std::string(kPlatformSecret)};
  RestVerb verb;
  verb.bulk = RestBulk{.path = "/bulk", .results = "/results"};
  for (const Verb each : {Verb::kCreated, Verb::kUpdated, Verb::kDeleted}) {
    options.entities["user"].verbs[each] = verb;
    options.entities["lead"].verbs[each].outcomes = {{404, Outcome::Kind::kDelivered}};
  }
  options.entities["user"].id_field = "user_id";
  return make_connector(options).value();
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync::fuzz;
  static const auto connector = make();
  static const auto users = changes_of("user", R"({"user_id":"canonical-1","email":"a@b.c"})", "bizoholic");
  static const auto leads = changes_of("lead", R"({"lead_id":"canonical-1","score":7})", "bizoholic");
  const auto answer = answer_of(text_of(data, size));
  for (const auto& change : users) check_alone(*connector, change, answer);
  for (const auto& change : leads) check_alone(*connector, change, answer);
  check_together(*connector, users, answer);
  return 0;
}
