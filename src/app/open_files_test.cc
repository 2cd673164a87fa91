#include "app/open_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <limits>

namespace datasync::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Settings settings_of(std::size_t connections) {
  Settings settings;
  settings.server_connections_max = connections;
  settings.max_http_connections = 100;
  return settings;
}

TEST(OpenFiles, TheSoftLimitBecomesTheHardOne) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 256;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const std::size_t raised = raise_open_files_limit();
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  EXPECT_EQ(raised, before.rlim_max == RLIM_INFINITY ? std::numeric_limits<std::size_t>::max() : before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST(OpenFiles, ManyDescriptorsLeaveTheSettingAsItIs) {
  for (const std::size_t limit :
       {std::size_t{20'712}, std::size_t{1'000'000}, std::numeric_limits<std::size_t>::max()}) {
    Settings settings = settings_of(20'000);
    fit_connections(settings, limit);
    EXPECT_EQ(settings.server_connections_max, 20'000U) << limit;
    EXPECT_THAT(settings.warnings, IsEmpty()) << limit;
  }
}

TEST(OpenFiles, FewDescriptorsAreSharedBetweenClientsAndTheRest) {
  Settings settings = settings_of(20'000);
  fit_connections(settings, 20'000);
  EXPECT_EQ(settings.server_connections_max, 20'000U - 712U);
  EXPECT_THAT(settings.warnings, IsEmpty());
  settings = settings_of(20'000);
  fit_connections(settings, 1'024);
  EXPECT_EQ(settings.server_connections_max, 512U);
  EXPECT_THAT(settings.warnings, ElementsAre(HasSubstr("LimitNOFILE")));
}

}  // namespace
}  // namespace datasync::app
