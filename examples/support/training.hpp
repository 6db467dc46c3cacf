#pragma once

/// \file
/// What training needs around tconv's operators and gradients: layers and networks (layers.hpp),
/// Adam, losses, and a line that says how far the training is.
///
///     Network network({Convolution(Kind::conv, 3, 16, 4, {.stride = 2, .padding = 1}, random),
///                      Rectifier(0.1f),
///                      Convolution(Kind::conv_transpose, 16, 3, 4, {...}, random)});
///     Adam adam(network.parameters());
///     Progress progress(steps, batch);
///     for (int step = 1; step <= steps; ++step) {
///       const Loss loss = mean_square(network.forward(x, workspace), truth);
///       network.backward(loss.gradient, workspace);
///       adam.step(1e-3f);
///       progress.step(loss.value);
///     }
///
/// With `Summation::ordered` in the options of all layers a training has the same losses on every
/// machine that has fused multiply-adds, and the same on all that have not, if the compiler keeps
/// products and sums apart (see random.hpp).

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <tconv/tconv.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "example.hpp"
#include "layers.hpp"

/// Adam (Kingma and Ba, 2015), for parameters that it does not own.
class Adam {
 public:
  explicit Adam(std::vector<Parameter*> parameters, double keep_mean = 0.9,
                double keep_square = 0.999)
      : parameters_(std::move(parameters)), keep_mean_(keep_mean), keep_square_(keep_square) {
    for (const Parameter* parameter : parameters_) {
      means_.emplace_back(parameter->value.size());
      squares_.emplace_back(parameter->value.size());
    }
  }

  /// One step against the gradients, which are zero then.
  void step(float rate) {
    // The averages start at zero, and are scaled to what they would be without that.
    start_of_mean_ *= keep_mean_;
    start_of_square_ *= keep_square_;
    const auto scale = static_cast<float>(1 / (1 - start_of_square_));
    const auto scaled_rate = static_cast<float>(rate / (1 - start_of_mean_));
    const auto keep_mean = static_cast<float>(keep_mean_);
    const auto keep_square = static_cast<float>(keep_square_);
    for (std::size_t p = 0; p < parameters_.size(); ++p) {
      std::vector<float>& gradient = parameters_[p]->gradient;
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        float &mean = means_[p][i], &square = squares_[p][i];
        mean = keep_mean * mean + (1 - keep_mean) * gradient[i];
        square = keep_square * square + (1 - keep_square) * gradient[i] * gradient[i];
        parameters_[p]->value[i] -= scaled_rate * mean / (std::sqrt(square * scale) + 1e-8f);
      }
      std::fill(gradient.begin(), gradient.end(), 0.0f);
    }
  }

 private:
  std::vector<Parameter*> parameters_;
  std::vector<std::vector<float>> means_, squares_;
  double keep_mean_, keep_square_;
  double start_of_mean_ = 1, start_of_square_ = 1;
};

/// A rate that falls evenly to a twentieth, so that the training settles.
inline float falling_rate(float first, int step, int steps) {
  return first * (1 - 0.95f * static_cast<float>(step) / static_cast<float>(steps));
}

/// A loss, and its gradient by the network's output.
struct Loss {
  double value;
  Images gradient;
};

/// The mean of `(y - truth)^2`.
inline Loss mean_square(const Images& y, const Images& truth) {
  const Images error = y - truth;
  const float* const values = error.data();
  const double sum =
      sum_of(error.size(), [&](Index i) { return static_cast<double>(values[i]) * values[i]; });
  const auto size = static_cast<double>(error.size());
  return {sum / size, error * static_cast<float>(2 / size)};
}

/// The mean over all of `y` of the negative logarithm of the probability of `truth`, in [0, 1],
/// where `sigmoid(y)` is that of 1.
inline Loss binary_cross_entropy(const Images& y, const Images& truth) {
  const auto size = static_cast<double>(y.size());
  Loss loss{0, Images(y.dimensions())};
  loss.value =
      sum_of(y.size(),
             [&](Index i) {
               return softplus(y.data()[i]) - static_cast<double>(truth.data()[i]) * y.data()[i];
             }) /
      size;
  for (Index i = 0; i < y.size(); ++i)
    loss.gradient.data()[i] =
        static_cast<float>((sigmoid(y.data()[i]) - static_cast<double>(truth.data()[i])) / size);
  return loss;
}

/// Threads, and a workspace on them.
class Threads {
 public:
  explicit Threads(int count) : pool_(count), device_(&pool_, count), workspace_(device_) {}

  tconv::Workspace& workspace() { return workspace_; }

 private:
  Eigen::ThreadPool pool_;
  Eigen::ThreadPoolDevice device_;
  tconv::Workspace workspace_;
};

/// Prints some ten lines in a training:
///
///     step 200 of 2000: loss 0.0123456, 345 images/s, 42 s left
class Progress {
 public:
  Progress(int steps, Index batch)
      : steps_(steps), batch_(batch), every_((steps + 9) / 10), start_(Clock::now()) {}

  /// After each step. The loss that is printed is the mean since the last line.
  void step(double loss) {
    sum_ += loss;
    ++count_;
    if (++step_ % every_ > 0 && step_ < steps_) return;
    const double time = std::chrono::duration<double>(Clock::now() - start_).count();
    const double rate = static_cast<double>(step_) / time;
    std::printf("step %d of %d: loss %.6g, %.0f images/s, %.0f s left\n", step_, steps_,
                sum_ / count_, rate * static_cast<double>(batch_), (steps_ - step_) / rate);
    std::fflush(stdout);
    sum_ = 0;
    count_ = 0;
  }

 private:
  using Clock = std::chrono::steady_clock;

  int steps_;
  Index batch_;
  int every_;
  Clock::time_point start_;
  int step_ = 0, count_ = 0;
  double sum_ = 0;
};

/// The command line of a training program: `name [--threads=n] [steps [result.png ...]]`.
struct TrainingArguments {
  int threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 8u));
  int steps;
  std::vector<std::string> files;

  /// \throws std::invalid_argument, with the usage, if the arguments are not of that form
  TrainingArguments(const std::string& name, const Arguments& arguments, int default_steps,
                    std::vector<std::string> default_files)
      : steps(default_steps), files(std::move(default_files)) {
    std::string usage = "usage: " + name + " [--threads=n] [steps";
    for (const std::string& file : files) usage += " [" + file;
    usage += std::string(files.size() + 1, ']');
    const auto number = [&](const std::string& text) {
      const bool digits = !text.empty() && text.size() < 9 &&
                          text.find_first_not_of("0123456789") == std::string::npos;
      const int value = digits ? std::stoi(text) : 0;
      if (value < 1) throw std::invalid_argument(usage);
      return value;
    };
    const std::string option = "--threads=";
    std::size_t next = 0;
    if (arguments.text(0, "").rfind(option, 0) == 0) {
      threads = number(arguments.text(next++, "").substr(option.size()));
      if (threads > 256) throw std::invalid_argument(usage);
    }
    if (arguments.size() > next + 1 + files.size()) throw std::invalid_argument(usage);
    if (arguments.size() > next) steps = number(arguments.text(next++, ""));
    for (std::string& file : files) file = arguments.text(next++, file);
  }
};
