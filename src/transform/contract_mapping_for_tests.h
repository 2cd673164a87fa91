#pragma once

#include "domain/json.h"
#include "transform/mapper.h"

namespace datasync::transform {

inline Fields object(std::string_view json) {
  return parse_json_object(json).value();
}
inline Value json(std::string_view text) {
  return parse_json(text).value();
}
inline Currency currency(std::string_view code) {
  return Currency::parse(code).value();
}

inline const PlatformId kBizoholic{"bizoholic"};
inline const PlatformId kCoreldove{"coreldove"};
inline const PlatformId kBizosaas{"bizosaas"};

/// The mapping of the wire contract, written by hand: these tests do not depend on the shipped YAML.
inline Mapping contract_mapping() {
  Mapping mapping;
  mapping.entities["user"].natural_keys = {"email"};
  mapping.entities["lead"].create_defaults = {{"source", Value::string("cross_platform_sync")}};
  mapping.entities["order"].money_fields = {"total_amount"};
  mapping.entities["order"].aliases = {{"amount", "total_amount"}};
  mapping.entities["campaign"].money_fields = {"budget"};
  mapping.entities["product"].money_fields = {"price"};
  mapping.entities["product"].natural_keys = {"sku"};
  mapping.entities["tenant"];
  mapping.entities["analytics"].stateless = true;
  const std::map<std::string, std::string> shop_words{
      {"active", "published"}, {"inactive", "draft"}, {"pending", "pending_review"}};

  auto& bizoholic = mapping.platforms[kBizoholic];
  bizoholic.platform = {kBizoholic, currency("USD"), "en-US", "UTC"};
  bizoholic.convert_to = currency("USD");
  bizoholic.entities["user"].to_canonical = {
      {"user_id", "id"}, {"full_name", "name"}, {"email_address", "email"}, {"phone_number", "phone"}};
  bizoholic.entities["lead"].to_canonical = {{"lead_id", "id"},
                                             {"contact_name", "name"},
                                             {"contact_email", "email"},
                                             {"lead_score", "score"},
                                             {"lead_status", "status"}};
  bizoholic.entities["campaign"].to_canonical = {
      {"campaign_id", "id"}, {"campaign_name", "name"}, {"campaign_budget", "budget"}, {"campaign_status", "status"}};

  auto& coreldove = mapping.platforms[kCoreldove];
  coreldove.platform = {kCoreldove, currency("INR"), "en-IN", "Asia/Kolkata"};
  coreldove.convert_to = currency("INR");
  auto& customer = coreldove.entities["user"];
  customer.to_canonical = {
      {"customer_id", "id"}, {"customer_name", "name"}, {"customer_email", "email"}, {"customer_phone", "phone"}};
  customer.splits = {{"name", "first_name", "last_name"}};
  customer.statuses = shop_words;
  customer.kept["email"].lower_case = true;
  customer.kept["status"].words = {{"pending_review", "draft"}};
  customer.writable = {"email", "name", "phone", "status"};
  auto& product = coreldove.entities["product"];
  product.to_canonical = {
      {"product_id", "id"}, {"product_name", "name"}, {"product_price", "price"}, {"product_inventory", "inventory"}};
  product.statuses = shop_words;
  product.kept["status"].words = {{"published", "published"}, {"*", "draft"}};
  coreldove.entities["campaign"].statuses = shop_words;
  auto& order = coreldove.entities["order"];
  order.to_canonical = {
      {"order_id", "id"}, {"order_total", "total_amount"}, {"order_status", "status"}, {"order_items", "items"}};
  order.writable = {"customer_email"};
  order.create_only = {"items"};

  auto& bizosaas = mapping.platforms[kBizosaas];
  bizosaas.platform.id = kBizosaas;
  bizosaas.context = ContextBlock::kSyncMetadata;
  bizosaas.entities["user"].to_canonical = {
      {"user_id", "id"}, {"user_name", "name"}, {"user_email", "email"}, {"user_phone", "phone"}};
  bizosaas.entities["tenant"].to_canonical = {
      {"tenant_id", "id"}, {"tenant_name", "name"}, {"subscription_tier", "plan"}, {"tenant_status", "status"}};
  return mapping;
}

inline RateTable contract_rates() {
  return {currency("USD"),
          {},
          {{currency("INR"), Decimal::parse("83").value()}, {currency("EUR"), Decimal::parse("0.92").value()}}};
}

inline Mapper contract_mapper() {
  return Mapper(contract_mapping(), contract_rates());
}

}  // namespace datasync::transform
