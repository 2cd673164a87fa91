#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "domain/money.h"

namespace datasync {
namespace {

/// All 17,576 codes of three letters.
template <typename Visit>
void for_each_code(const Visit& visit) {
  std::string code(3, ' ');
  for (code[0] = 'A'; code[0] <= 'Z'; ++code[0]) {
    for (code[1] = 'A'; code[1] <= 'Z'; ++code[1]) {
      for (code[2] = 'A'; code[2] <= 'Z'; ++code[2]) visit(*Currency::parse(code));
    }
  }
}

// Written down from ISO 4217's list one by another way than the table: an exponent that slipped fails here.
TEST(Currency, HasTheDecimalsOfIso4217) {
  std::map<int, std::set<std::string>> listed;
  for_each_code([&](Currency currency) {
    if (currency.is_listed()) {
      listed[currency.exponent()].emplace(currency.code());
    } else {
      EXPECT_EQ(currency.exponent(), 2) << currency.code();
    }
  });
  EXPECT_EQ(listed[0], (std::set<std::string>{"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF",
                                              "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"}));
  EXPECT_EQ(listed[3], (std::set<std::string>{"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}));
  EXPECT_EQ(listed[4], (std::set<std::string>{"CLF", "UYW"}));
  EXPECT_EQ(listed[2].size(), 145U);
  EXPECT_EQ(listed.size(), 4U);
}

TEST(Currency, OfTheWholeWorldIsListedAndWhatIsNoMoneyIsNot) {
  for (const char* code : {"AED", "EUR", "INR", "USD", "ZWG", "ZMW", "XCG", "VES", "SLE", "MRU", "HRK", "eur"}) {
    EXPECT_TRUE(Currency::parse(code)->is_listed()) << code;
  }
  for (const char* code : {"BTC", "XAU", "XXX", "XTS", "XDR", "GGP", "AAA", "ZZZ"}) {
    EXPECT_FALSE(Currency::parse(code)->is_listed()) << code;
  }
}

}  // namespace
}  // namespace datasync
