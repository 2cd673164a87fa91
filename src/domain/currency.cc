#include <algorithm>
#include <array>

#include "domain/money.h"

namespace datasync {
namespace {

// ISO 4217, list one (currencies and funds), by how many digits their minor unit has; with those that left the list
// since 2023 (HRK, SLL, ANG, BGN, CUC, ZWL), since orders of that time are still synchronized. Metals, bond units and
// the codes for tests have no minor unit and are none of it.
struct Group {
  int exponent;
  std::string_view codes;  // sorted, one space between
};

constexpr std::array<Group, 4> kGroups{
    {{2,
      "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF "
      "CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ "
      "GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD "
      "MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD "
      "RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH "
      "USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG ZWL"},
     {0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"},
     {3, "BHD IQD JOD KWD LYD OMR TND"},
     {4, "CLF UYW"}}};

constexpr std::size_t kCodeAndSpace = 4;

/// By binary search: every conversion of an amount asks.
constexpr bool has(std::string_view codes, std::string_view code) {
  std::size_t low = 0, high = (codes.size() + 1) / kCodeAndSpace;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    const std::string_view at = codes.substr(middle * kCodeAndSpace, code.size());
    if (at == code) return true;
    if (at < code) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return false;
}

const Group* group_of(std::string_view code) {
  const auto* const at =
      std::find_if(kGroups.begin(), kGroups.end(), [code](const Group& group) { return has(group.codes, code); });
  return at == kGroups.end() ? nullptr : at;
}

}  // namespace

Result<Currency> Currency::parse(std::string_view code) {
  Currency currency;
  bool letters = code.size() == currency.code_.size();
  for (std::size_t i = 0; letters && i < code.size(); ++i) {
    const char upper = code[i] >= 'a' && code[i] <= 'z' ? static_cast<char>(code[i] - 'a' + 'A') : code[i];
    letters = upper >= 'A' && upper <= 'Z';
    currency.code_[i] = upper;
  }
  if (!letters) return fail(ErrorCode::kInvalid, "currency must be an ISO 4217 code of three letters, such as USD");
  return currency;
}

int Currency::exponent() const noexcept {
  const Group* group = group_of(code());
  return group == nullptr ? 2 : group->exponent;
}

bool Currency::is_listed() const noexcept {
  return group_of(code()) != nullptr;
}

}  // namespace datasync
