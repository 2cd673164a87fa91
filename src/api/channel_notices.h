#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "api/live_message.h"
#include "pipeline/notice.h"

namespace datasync::api {

/// Passes notices on, and publishes them on the channels `events:<type>`, as WebSocket clients are told them.
/// Threads: the engine's; `publish` makes the messages on whichever it likes.
class ChannelNotices final : public pipeline::NoticeSink {
 public:
  using Tell = std::function<void(std::string channel, std::string text)>;
  /// Gets how many notices there are, and how their messages are made.
  using Publish = std::function<void(std::size_t count, std::function<void(const Tell& tell)> make)>;

  /// `next` is borrowed.
  ChannelNotices(pipeline::NoticeSink& next, Publish publish) : next_(next), publish_(std::move(publish)) {}

  [[nodiscard]] bool wants_notices() const noexcept override { return true; }
  void publish(std::vector<pipeline::Notice> notices) override {
    publish_(notices.size(), [notices](const Tell& tell) {
      for (const pipeline::Notice& notice : notices) {
        for (const LiveType type : types_of(notice)) {
          tell("events:" + std::string(to_string(type)), render_notice(type, notice));
        }
      }
    });
    if (next_.wants_notices()) next_.publish(std::move(notices));
  }

 private:
  pipeline::NoticeSink& next_;
  const Publish publish_;
};

}  // namespace datasync::api
