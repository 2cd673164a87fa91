// What CoreLDove answers to the shipped documents, step by step and in batches by aliases. Behind the status stands of
// which entity the changes are: `200 product`.

#include "answer_world.h"
#include "app/platform_config.h"

namespace datasync::fuzz {
namespace {

using namespace delivery;

std::unique_ptr<Connector> make() {
  app::PlatformConfigInput input;
  input.shipped = app::shipped_files();
  auto config = app::load_platform_config(input).value();
  for (ConnectorOptions& each : config.connectors) {
    auto* options = std::get_if<GraphqlOptions>(&each);
    if (options == nullptr) continue;
    options->credential = {Credential::Kind::kBearer, std::string(kPlatformSecret)};
    options->aliases_max = 10;
    return make_connector(each).value();
  }
  std::abort();
}

const std::vector<Change>& changes_about(std::string_view entity) {
  static const auto users = changes_of(
      "user", R"({"customer_id":"c-1","customer_email":"a@b.c","first_name":"A","last_name":"B"})", "coreldove");
  static const auto products = changes_of("product",
                                          R"({"product_id":"p-1","product_name":"Pen","product_price":12.5,)"
                                          R"("currency":"INR","product_inventory":3,"status":"published"})",
                                          "coreldove");
  static const auto orders = changes_of("order",
                                        R"({"order_id":"o-1","order_total":12.5,"currency":"INR",)"
                                        R"("customer_email":"a@b.c","order_items":[{"sku":"s","quantity":1}]})",
                                        "coreldove");
  if (entity == "product") return products;
  return entity == "order" ? orders : users;
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync::fuzz;
  static const auto connector = make();
  const std::string_view text = text_of(data, size);
  const auto answer = answer_of(text);
  std::string_view status = text.substr(0, text.find('\n'));
  (void)take_until(status, " ");
  const auto& changes = changes_about(status);
  for (const auto& change : changes) check_alone(*connector, change, answer);
  check_together(*connector, changes, answer);
  return 0;
}
