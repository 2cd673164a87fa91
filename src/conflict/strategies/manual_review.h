#pragma once

#include "conflict/strategy.h"

namespace datasync::conflict {

/// A person decides.
class ManualReview final : public Strategy {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "manual_review"; }
  [[nodiscard]] Resolution resolve(const FieldConflict&) const override {
    return {Resolution::Outcome::kReview, {}, "a person decides about this field"};
  }
};

}  // namespace datasync::conflict
