#include "cli/terminal.h"

#include <gtest/gtest.h>

#include <sstream>

namespace datasync::cli {
namespace {

struct Screen {
  std::istringstream in;
  std::ostringstream out, err;
  Terminal terminal{in, out, err, false};
};

TEST(Table, ColumnsAreAlignedByCharactersAndTheLastHasNoSpacesBehind) {
  Screen screen;
  Table table({"NAME", "CITY"});
  table.add({"Zoë", "Pune"});
  table.add({"Somebody", "Zürich"});
  table.print(screen.terminal);
  EXPECT_EQ(screen.out.str(), "NAME      CITY\nZoë       Pune\nSomebody  Zürich\n");
}

TEST(Table, ColoursDoNotChangeTheColumns) {
  Screen screen;
  screen.terminal.colour = true;
  Table table;
  table.add({{"ok", Colour::kGreen}, "1"});
  table.add({{"failed", Colour::kRed}, "2"});
  table.print(screen.terminal);
  EXPECT_EQ(screen.out.str(), "\x1b[32mok\x1b[0m      1\n\x1b[31mfailed\x1b[0m  2\n");
}

TEST(Table, WithoutATerminalThereIsNoColour) {
  Screen screen;
  Table table;
  table.add({{"ok", Colour::kGreen}});
  table.print(screen.terminal);
  EXPECT_EQ(screen.out.str(), "ok\n");
}

// Whoever may write an event could otherwise clear the operator's screen, or write to his clipboard.
TEST(Printable, ControlCharactersOfOthersDoNotReachTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\nc\td\x7f"), "a?[2Jb?c?d?");
  EXPECT_EQ(printable("\xC2\x9B"
                      "2J"),
            "?2J");
  EXPECT_EQ(printable("Zoë → ₹"), "Zoë → ₹");
}

TEST(SayError, EveryLineSaysWhoSpeaks) {
  Screen screen;
  say_error(screen.terminal, "one\ntwo");
  EXPECT_EQ(screen.err.str(), "data-sync: one\ndata-sync: two\n");
}

}  // namespace
}  // namespace datasync::cli
