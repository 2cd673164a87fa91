#include "app/catalog_factory.h"

#include <gtest/gtest.h>

#include "app/settings.h"

namespace datasync::app {
namespace {

std::shared_ptr<const pipeline::Catalog> catalog_of(const std::string& config) {
  Settings settings = load_settings({}).value();
  settings.config_text = config;
  const auto catalog = make_catalog(settings);
  EXPECT_TRUE(catalog) << catalog.error().message;
  return catalog ? *catalog : nullptr;
}

/// A platform that takes every record and no changes was taken for a notifier, and heard of no decision.
TEST(CatalogFactory, ANotifierIsWhatServesNoEntityAtAll) {
  const auto catalog = catalog_of(R"(
platforms:
  notifier: {connection: {address: "http://mailer"}}
  archive:
    connection: {protocol: rest, address: "http://archive", verbs: {update: {served: false}, delete: {served: false}}}
)");
  ASSERT_NE(catalog, nullptr);
  EXPECT_TRUE(catalog->is_notifier(PlatformId("notifier")));
  for (const char* platform : {"archive", "bizoholic", "coreldove", "bizosaas", "nobody"}) {
    EXPECT_FALSE(catalog->is_notifier(PlatformId(platform))) << platform;
  }
}

}  // namespace
}  // namespace datasync::app
