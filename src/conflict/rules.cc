#include "conflict/rules.h"

namespace datasync::conflict {

const FieldRule& RuleBook::rule(std::string_view entity, std::string_view field) const noexcept {
  const FieldRule& otherwise = field == std::string_view(kDeletedField) ? deletes_ : default_;
  const auto book = entities_.find(entity);
  if (book == entities_.end()) return otherwise;
  const auto& fields = book->second.fields;
  if (const auto exact = fields.find(field); exact != fields.end()) return exact->second;
  const auto any = field.starts_with('_') ? fields.end() : fields.find("*");
  if (any != fields.end()) return any->second;
  return otherwise;
}

SchemaChange RuleBook::schema_change(std::string_view entity, std::string_view field) const noexcept {
  const FieldRule& own = rule(entity, field);
  if (own.schema_change) return *own.schema_change;
  const auto book = entities_.find(entity);
  return book == entities_.end() ? SchemaChange::kReview : book->second.schema_change;
}

const ReviewExpiry& RuleBook::expiry(std::string_view entity) const noexcept {
  const auto book = entities_.find(entity);
  return book == entities_.end() ? never_ : book->second.expiry;
}

std::size_t RuleBook::rank(std::string_view entity, const PlatformId& platform) const noexcept {
  const auto book = entities_.find(entity);
  if (book == entities_.end()) return 0;
  const auto& priority = book->second.priority;
  std::size_t rank = 0;
  while (rank < priority.size() && priority[rank] != platform) ++rank;
  return rank;
}

}  // namespace datasync::conflict
