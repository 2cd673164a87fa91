#include "net/io_threads.h"

#include <pthread.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <latch>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/log.h"

namespace datasync::net {
namespace {

thread_local IoThread* current_thread = nullptr;

void run_guarded(Task& task) {
  try {
    task();
  } catch (const std::exception& error) {
    log::error("an I/O task threw: {}", error.what());
  }
}

std::string format_date_header(std::chrono::sys_seconds now) {
  using namespace std::chrono;
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = floor<days>(now);
  const year_month_day date{day};
  const hh_mm_ss time{now - day};
  return fmt::format("Date: {}, {:02} {} {:04} {:02}:{:02}:{:02} GMT\r\n", kDays[weekday{day}.c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

}  // namespace

struct IoThread::Impl {
  /// A task of `after`, kept in a list so that those that never fire are destroyed with the thread.
  struct Delayed final : WheelTimer {
    Delayed(Impl& owner_, Task task_) : owner(owner_), task(std::move(task_)) {}
    void on_timer() override {
      Task now = std::move(task);
      owner.delayed.erase(self);
      run_guarded(now);
    }
    Impl& owner;
    Task task;
    std::list<Delayed>::iterator self;
  };

  explicit Impl(const Clock& clock_)
      : clock(clock_), wheel(clock_.steady_now()), work(context.get_executor()), ticker(context) {
    refresh_date();
  }

  void drain() {
    {
      const std::lock_guard lock(mutex);
      running.swap(mailbox);
    }
    for (Task& task : running) run_guarded(task);
    running.clear();
  }

  void tick() {
    ticker.expires_after(TimerWheel::kTick);
    ticker.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      refresh_date();
      wheel.advance(clock.steady_now());
      tick();
    });
  }

  void refresh_date() {
    const auto now = std::chrono::floor<seconds>(clock.now());
    if (now == date_time) return;
    date_time = now;
    date_header = format_date_header(now);
  }

  void run(IoThread& self) {
    current_thread = &self;
    pthread_setname_np(pthread_self(), fmt::format("io-{}", self.index()).c_str());
    for (;;) {
      try {
        context.run();
        return;
      } catch (const std::exception& error) {
        log::error("an I/O handler threw: {}", error.what());
      }
    }
  }

  /// After this, tasks are destroyed where they are posted: nobody would ever run them.
  void shut() {
    std::vector<Task> left;
    {
      const std::lock_guard lock(mutex);
      shut_down = true;
      left.swap(mailbox);
    }
    left.clear();
    delayed.clear();
  }

  const Clock& clock;
  boost::asio::io_context context{1};
  TimerWheel wheel;
  std::list<Delayed> delayed;
  std::chrono::sys_seconds date_time{};
  std::string date_header;
  std::mutex mutex;
  std::vector<Task> mailbox;  // guarded by mutex
  bool shut_down = false;     // guarded by mutex
  std::vector<Task> running;  // only on the thread; swapped with the mailbox so that neither gives its memory back
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work;
  boost::asio::steady_timer ticker;
  std::thread thread;
};

IoThread::IoThread(std::size_t index, const Clock& clock) : index_(index), impl_(std::make_unique<Impl>(clock)) {}
IoThread::~IoThread() = default;

void IoThread::post(Task task) {
  bool wake = false;
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->shut_down) return;
    wake = impl_->mailbox.empty();
    impl_->mailbox.push_back(std::move(task));
  }
  if (wake) boost::asio::post(impl_->context, [impl = impl_.get()] { impl->drain(); });
}

void IoThread::post_all(std::vector<Task> tasks) {
  if (tasks.empty()) return;
  bool wake = false;
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->shut_down) return;
    wake = impl_->mailbox.empty();
    for (Task& task : tasks) impl_->mailbox.push_back(std::move(task));
  }
  if (wake) boost::asio::post(impl_->context, [impl = impl_.get()] { impl->drain(); });
}

void IoThread::after(milliseconds delay, Task task) {
  if (!is_current()) {
    post([this, delay, moved = std::move(task)]() mutable { after(delay, std::move(moved)); });
    return;
  }
  auto& delayed = impl_->delayed.emplace_back(*impl_, std::move(task));
  delayed.self = std::prev(impl_->delayed.end());
  impl_->wheel.arm(delayed, delay);
}

IoThread* IoThread::current() noexcept {
  return current_thread;
}
boost::asio::io_context& IoThread::context() noexcept {
  return impl_->context;
}
TimerWheel& IoThread::timers() noexcept {
  return impl_->wheel;
}
std::string_view IoThread::date_header() const noexcept {
  return impl_->date_header;
}

struct IoThreads::Impl {
  std::atomic<std::size_t> turn{0};
  bool running = false;
};

IoThreads::IoThreads(std::size_t count, const Clock& clock) : impl_(std::make_unique<Impl>()) {
  for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
    threads_.push_back(std::unique_ptr<IoThread>(new IoThread(i, clock)));
  }
}

IoThreads::~IoThreads() {
  stop();
  for (const auto& thread : threads_) thread->impl_->shut();
}

void IoThreads::start() {
  if (impl_->running) return;
  impl_->running = true;
  for (const auto& thread : threads_) {
    thread->impl_->tick();
    thread->impl_->thread = std::thread([&one = *thread] { one.impl_->run(one); });
  }
}

void IoThreads::stop() {
  if (!impl_->running) return;
  for (const auto& thread : threads_) thread->impl_->context.stop();
  for (const auto& thread : threads_) thread->impl_->thread.join();
  for (const auto& thread : threads_) thread->impl_->shut();
  impl_->running = false;
}

IoThread& IoThreads::next() noexcept {
  return *threads_[impl_->turn.fetch_add(1, std::memory_order_relaxed) % threads_.size()];
}

void IoThreads::run_on_each(const std::function<void(IoThread&)>& task) {
  if (!impl_->running) {
    for (const auto& thread : threads_) task(*thread);
    return;
  }
  std::latch done(static_cast<std::ptrdiff_t>(threads_.size()));
  for (const auto& thread : threads_) {
    thread->post([&task, &done, &one = *thread] {
      task(one);
      done.count_down();
    });
  }
  done.wait();
}

}  // namespace datasync::net
