#include "domain/json.h"

#include <gtest/gtest.h>

namespace datasync {
namespace {

std::string canonical(std::string_view text) {
  const auto value = parse_json(text);
  return value ? value->text() : "refused: " + value.error().message;
}

bool refused(std::string_view text) {
  return !parse_json(text).has_value();
}

TEST(Json, EqualValuesHaveEqualTexts) {
  EXPECT_EQ(canonical(R"( { "b" : [1, 2.50 , 1e2], "a" : "\u00e9\/" } )"), R"({"a":"é/","b":[1,2.5,100]})");
  EXPECT_EQ(canonical(R"({"b":[1,2.5,100.0],"a":"é/"})"), R"({"a":"é/","b":[1,2.5,100]})");
  EXPECT_EQ(canonical("-0"), "0");
  EXPECT_EQ(canonical("-0.0e5"), "0");
  EXPECT_EQ(canonical("0.1e-2"), "0.001");
  EXPECT_EQ(canonical("1e40"), "1e40");
  EXPECT_EQ(canonical("123456789012345678901234567890"), "123456789012345678901234567890");
  EXPECT_EQ(canonical("0.10000000000000000000000000001"), "0.10000000000000000000000000001");
  EXPECT_EQ(canonical(R"("a\n\u0000\"")"), R"("a\n\u0000\"")");
  EXPECT_EQ(canonical("true"), "true");
  EXPECT_EQ(canonical("null"), "null");
}

TEST(Json, TheLastOfTwoMembersWithOneNameStays) {
  EXPECT_EQ(canonical(R"({"a":1,"a":2})"), R"({"a":2})");
  EXPECT_EQ(canonical(R"({"b":1,"a":2,"b":[3],"a":4,"c":{"z":1,"z":2}})"), R"({"a":4,"b":[3],"c":{"z":2}})");
}

/// An exponent at the end of 64 bits overflowed while it was made canonical.
TEST(Json, AnExponentThatNothingCanCountStaysAsItWasWritten) {
  EXPECT_EQ(canonical("0.0001e-9223372036854775807"), "0.0001e-9223372036854775807");
  EXPECT_EQ(canonical("-2.5E-9000000000000"), "-2.5E-9000000000000");
  EXPECT_EQ(canonical("0e9223372036854775807"), "0");
  EXPECT_EQ(canonical("-2.5E-900000000000"), "-2.5e-900000000000");
}

/// The library below refuses an exponent of more than 19 digits, whatever they say.
TEST(Json, AnExponentMayBeginWithAnyNumberOfZeros) {
  EXPECT_EQ(canonical("1e-00000000000000000000003"), "0.001");
  EXPECT_EQ(canonical("-2.5E+0000000000000000000000000001"), "-25");
  EXPECT_EQ(canonical("7e00000000000000000000000000"), "7");
  EXPECT_EQ(canonical("1e-0000000000000000000108343775"), "1e-108343775");
  for (const char* text : {"1e-0000000000000000000000x", "0.000e000+99", "1e-+000000000000000000000",
                           "01e00000000000000000000", "1.e0000000000000000000000"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(Json, RefusesWhatIsNoJson) {
  for (const char* text : {"",
                           "{",
                           "[1,",
                           "{\"a\":}",
                           "{\"a\" 1}",
                           "[1 2]",
                           "{} {}",
                           "[1] x",
                           "tru",
                           "nul",
                           "nulls",
                           "truee",
                           "01",
                           "-",
                           "1.",
                           "1e400",
                           ".5",
                           "+1",
                           "1e",
                           "0x10",
                           "--1",
                           "[01]",
                           "[-]",
                           "[1.]",
                           "[1e]",
                           "[-01]",
                           "[nul]",
                           "[tru]",
                           "'a'",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\"",
                           "\"\x01\"",
                           "\"\xff\"",
                           "{\"a\":\"\xc3\"}",
                           "\"",
                           "NaN",
                           "[NaN]",
                           "Infinity",
                           "1 2",
                           "\"a\" \"b\"",
                           "{\"a\":1,}",
                           "[1,]",
                           "[,1]",
                           "{,}",
                           "[\"a\"b]",
                           "[\"a\"\"b\"]",
                           "{\"a\":\"b\"c}",
                           "[1\"a\"]",
                           "[12a]",
                           "[-]",
                           "[true1]",
                           "[1true]",
                           "[00]",
                           "[\"a\x02\"]"}) {
    EXPECT_TRUE(refused(text)) << text << " became " << canonical(text);
  }
}

TEST(Json, NumbersKeepTheirDigits) {
  for (const char* text : {"0", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
                           "18446744073709551616", "-9223372036854775809"}) {
    EXPECT_EQ(canonical(text), text);
  }
  EXPECT_EQ(canonical("[-0,0 , -7 ]"), "[0,0,-7]");
}

/// Names are compared by their first eight bytes, and by the rest where these are the same.
TEST(Json, MembersStandSortedByTheirBytes) {
  EXPECT_EQ(canonical(R"({"profile_z":1,"profile_":2,"profile":3,"profile_a":4,"é":5,"z":6,"":7,"profile_a":8})"),
            R"({"":7,"profile":3,"profile_":2,"profile_a":8,"profile_z":1,"z":6,"é":5})");
  EXPECT_EQ(canonical(R"({"a\u0000":1,"a":2,"a\u0000":3})"), R"({"a":2,"a\u0000":3})");
}

/// The library hands over all up to the next comma or bracket, and of that only the characters were looked at.
TEST(Json, ANumberIsOneNumber) {
  for (const char* text : {"346+44", "1-2", "1--", "7-", "-1-1", "[1+1]", "{\"a\":1-2}", "1+", "0-0"}) {
    EXPECT_TRUE(refused(text)) << text << " became " << canonical(text);
  }
}

TEST(Json, RefusesNestingBombsAndGiantNumbers) {
  EXPECT_TRUE(refused(std::string(100'000, '[')));
  EXPECT_TRUE(refused(std::string(65, '[') + std::string(65, ']')));
  EXPECT_FALSE(refused(std::string(60, '[') + std::string(60, ']')));
  EXPECT_TRUE(refused(std::string(129, '9')));
}

/// The exponent that comes to many digits made the canonical text longer than a number may be: what was taken and
/// stored could not be read again.
TEST(Json, ANumberThatIsTakenCanBeReadAgain) {
  for (std::size_t digits = 100; digits <= 128; ++digits) {
    for (const std::string& number : {std::string(digits, '9') + ".5", "0." + std::string(digits, '9') + "e-29",
                                      "0." + std::string(digits, '9') + "e-31"}) {
      const auto value = parse_json(number);
      EXPECT_EQ(parse_json("[" + number + "]").has_value(), value.has_value()) << number;
      if (!value) continue;
      const auto again = parse_json(value->text());
      ASSERT_TRUE(again) << number;
      EXPECT_EQ(*again, *value);
    }
  }
  EXPECT_TRUE(parse_json(std::string(122, '9') + ".5"));
  EXPECT_FALSE(parse_json(std::string(123, '9') + ".5"));
}

TEST(Json, ReadsAnEventAndItsDataInOnePass) {
  const auto event = parse_nested_object(R"({"type":"t","data":{"x":{"y":1},"a":2},"z":[{}]})", "data");
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->has_inner);
  EXPECT_EQ(event->inner.to_json(), R"({"a":2,"x":{"y":1}})");
  EXPECT_EQ(event->outer.to_json(), R"({"type":"t","z":[{}]})");
  EXPECT_FALSE(parse_nested_object(R"({"data":[1]})", "data")->has_inner);
  EXPECT_FALSE(parse_nested_object("[]", "data"));
}

std::string shown(const Element& element) {
  return element.other ? element.other->text() : element.object.outer.to_json() + element.object.inner.to_json();
}

TEST(Json, HandsOverOneElementAfterTheOther) {
  std::string seen;
  const auto take = [&seen](const Element& element) {
    seen += shown(element) + '\n';
    seen += parse_json("[ 7 ]")->text() + '\n';  // another reader while this one is under way
  };
  const auto count =
      read_json_array(R"( [{"b":1,"data":{"y":"é","x":[]}}, [2 ], {"data":3}, "\n", 4.50, {}] )", "data", 5, take);
  EXPECT_EQ(count.value(), 6U);
  EXPECT_EQ(seen, "{\"b\":1}{\"x\":[],\"y\":\"é\"}\n[7]\n[2]\n[7]\n{\"data\":3}{}\n[7]\n\"\\n\"\n[7]\n4.5\n[7]\n");
  for (const char* text : {"", "{}", "7", "[", "[1,]", "[1]]", "[1] 2", "[{\"a\":}]", "[\"\xff\"]", "[1 2]"}) {
    EXPECT_FALSE(read_json_array(text, "data", 9, [](const Element&) {})) << text;
  }
  EXPECT_EQ(read_json_array("[]", "data", 9, [](const Element&) {}).value(), 0U);
  const auto nested = [](int depth) { return '[' + std::string(depth, '[') + std::string(depth, ']') + ']'; };
  EXPECT_TRUE(read_json_array(nested(64), "", 9, [](const Element&) {}));
  EXPECT_FALSE(read_json_array(nested(65), "", 9, [](const Element&) {}));
}

std::string elements_at(std::string_view text, const std::vector<std::string>& path) {
  const auto elements = parse_elements(text, path);
  if (!elements) return "refused";
  if (!*elements) return "none";
  std::string all;
  for (const Element& element : **elements) all += shown(element) + ' ';
  return all;
}

TEST(Json, FindsTheElementsOfAnArrayWhileItReads) {
  EXPECT_EQ(elements_at(R"({"x":[1],"results":[{"b":2,"a":1},"s",[3]],"y":{"results":[9]}})", {"results"}),
            R"({"a":1,"b":2}{} "s" [3] )");
  EXPECT_EQ(elements_at(R"([{"a":1}])", {}), R"({"a":1}{} )");
  EXPECT_EQ(elements_at(R"({"a":[0,{"b\n":[5]}]})", {"a", "1", "b\n"}), "5 ");
  EXPECT_EQ(elements_at(R"({"a":[1],"a":[2]})", {"a"}), "2 ");  // the last one, as everywhere
  EXPECT_EQ(elements_at(R"({"a":[1],"a":2})", {"a"}), "none");
  for (const char* text : {"{}", "7", "\"a\"", "[]", R"({"a":7})", R"({"a":{}})", R"({"a":"[]"})", R"([{"a":[1]}])"}) {
    EXPECT_EQ(elements_at(text, {"a"}), "none") << text;
  }
  for (const char* text : {"", R"({"a":[1]} 2)", R"({"a":[1],"b":})", R"({"a":[1],"b":01})", R"({"a":[{"x":1 2}]})",
                           R"({"a":[1],"b":"\x"})", "{\"a\":[1],\"b\":\"\xff\"}", R"({"a":[1])"}) {
    EXPECT_EQ(elements_at(text, {"a"}), "refused") << text;
  }
}

TEST(Json, EscapesWhereverTheyStand) {
  const std::string plain = "plain text of thirty-one bytes!";
  for (std::size_t size = 0; size <= plain.size(); ++size) {
    const std::string text = plain.substr(0, size);
    EXPECT_EQ(Value::string(text).text(), '"' + text + '"');
    for (std::size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string marked = text;
        marked[at] = static_cast<char>(c);
        const bool escaped = Value::string(marked).text().size() > size + 2;
        ASSERT_EQ(escaped, c < 0x20 || c == '"' || c == '\\') << size << ' ' << at << ' ' << c;
      }
    }
  }
}

TEST(Json, FieldsAreWrittenAsTheyAreRead) {
  for (const char* text : {"{}", R"({"":1})", R"({"a":1,"b\n":{"c":[]},"long name of a field":"x"})"}) {
    EXPECT_EQ(parse_json_object(text)->to_json(), text);
  }
}

/// Where `data` stood twice, an object and something else, both were kept: the same text was read in two ways.
TEST(Json, OfTwoInnerObjectsTheLastStaysWhateverTheOtherWas) {
  const auto last = parse_nested_object(R"({"data":5,"a":1,"data":{"x":1}})", "data").value();
  EXPECT_TRUE(last.has_inner);
  EXPECT_EQ(last.outer.to_json(), R"({"a":1})");
  EXPECT_EQ(last.inner.to_json(), R"({"x":1})");
  const auto none = parse_nested_object(R"({"data":{"x":1},"a":1,"data":5})", "data").value();
  EXPECT_FALSE(none.has_inner);
  EXPECT_EQ(none.outer.to_json(), R"({"a":1,"data":5})");
  EXPECT_TRUE(none.inner.empty());
  const auto both = parse_nested_object(R"({"data":{"x":1},"data":{"y":2}})", "data").value();
  EXPECT_EQ(both.inner.to_json(), R"({"y":2})");
}

TEST(Json, StringsComeBackAsTheyWere) {
  const std::string text = "quote \" slash \\ tab \t nul " + std::string(1, '\0') + " é 漢 😀";
  EXPECT_EQ(Value::string(text).as_string(), text);
  EXPECT_EQ(parse_json(Value::string(text).text())->as_string(), text);
}

}  // namespace
}  // namespace datasync
