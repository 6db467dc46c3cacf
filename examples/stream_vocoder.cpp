// A robot's voice, made while the sound comes in, chunk by chunk, without clicks.
//
//   stream_vocoder [seconds [sound.wav [picture.png]]]
//
// A short-time Fourier transform is a convolution, and its inverse a transposed convolution: the
// taps are waves under a window, 1024 samples long, 256 apart. Between the two each wave loses its
// phase, so that the voice sings on one note. Both are streams: what comes out of chunks of 64 to
// 1024 samples is what comes out of the whole sound. Chunks that are computed each on its own
// click: the picture shows a border between two of them.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <tconv/tconv.hpp>
#include <vector>

#include "support/example.hpp"

namespace {

using tconv::Index;
using Tensor = Eigen::Tensor<float, 3, Eigen::RowMajor>;  // (1, channels, time)

constexpr Index rate = 24000;  // samples a second
constexpr Index length = 1024, hop = 256, waves = length / 2 + 1;
constexpr double pi = 3.14159265358979323846;
// Enough samples in front and behind that all are under as many windows.
const tconv::ConvOptions<1> options{.stride = hop, .padding = length - hop};

// Of the waves that make the sound. Windows that overlap four times sum to 3/2 where each is
// multiplied by itself, and each wave stands for two, itself and its mirror image.
constexpr double wave_scale = 2.0 / length / 1.5;

/// `(2 * waves, 1, length)`: cosines and sines under a Hann window.
Tensor make_waves(double scale) {
  Tensor weight(2 * waves, 1, length);
  for (Index k = 0; k < waves; ++k)
    for (Index t = 0; t < length; ++t) {
      const double window = 0.5 - 0.5 * std::cos(2 * pi * static_cast<double>(t) / length);
      const double angle = 2 * pi * static_cast<double>(k * t % length) / length;
      weight(k, 0, t) = static_cast<float>(scale * window * std::cos(angle));
      weight(waves + k, 0, t) = static_cast<float>(-scale * window * std::sin(angle));
    }
  return weight;
}

/// All waves of a frame begin in the middle of the window: what is left of a voice is its vowel.
void forget_phases(Tensor& spectra) {
  for (Index k = 0; k < waves; ++k)
    for (Index t = 0; t < spectra.dimension(2); ++t) {
      const float size = std::hypot(spectra(0, k, t), spectra(0, waves + k, t));
      spectra(0, k, t) = k % 2 == 0 ? size : -size;
      spectra(0, waves + k, t) = 0;
    }
}

/// Somebody who sings: the overtones of a gliding note, as loud as two formants make them, which
/// wander from vowel to vowel.
Tensor sing(Index samples) {
  Tensor sound(1, 1, samples);
  double phase = 0;
  for (Index t = 0; t < samples; ++t) {
    const double time = static_cast<double>(t) / rate;
    const double note = 140 * std::exp2(0.5 * std::sin(2 * pi * 0.3 * time)) *
                        (1 + 0.01 * std::sin(2 * pi * 5 * time));
    const double first = 500 + 250 * std::sin(2 * pi * 0.7 * time);
    const double second = 1500 + 700 * std::sin(2 * pi * 0.45 * time);
    phase += note / rate;
    double value = 0;
    for (int n = 1; n * note < 4000; ++n) {
      const auto peak = [&](double center, double width) {
        const double distance = (n * note - center) / width;
        return 1 / (1 + distance * distance);
      };
      value += (peak(first, 80) + 0.5 * peak(second, 120) + 0.02) * std::sin(2 * pi * n * phase);
    }
    sound(0, 0, t) = static_cast<float>(0.2 * value);
  }
  return sound;
}

Tensor part_of(const Tensor& sound, Index first, Index count) {
  return sound.slice(Eigen::array<Index, 3>{0, 0, first},
                     Eigen::array<Index, 3>{1, sound.dimension(1), count});
}

class Robot {
 public:
  Robot() : analysis_(make_waves(1), options), synthesis_(make_waves(wave_scale), options) {}

  const tconv::Conv<float, 1, Eigen::RowMajor>& analysis() const { return analysis_; }
  const tconv::ConvTranspose<float, 1, Eigen::RowMajor>& synthesis() const { return synthesis_; }

  Tensor operator()(const Tensor& sound) const {
    Tensor spectra = analysis_(sound);
    forget_phases(spectra);
    return synthesis_(spectra);
  }

 private:
  tconv::Conv<float, 1, Eigen::RowMajor> analysis_;
  tconv::ConvTranspose<float, 1, Eigen::RowMajor> synthesis_;
};

/// What an audio device calls with each chunk.
class RobotStream {
 public:
  RobotStream(const Robot& robot, Index chunk)
      : analysis_(robot.analysis()), synthesis_(robot.synthesis()) {
    analysis_.reserve(chunk);
    synthesis_.reserve(chunk / hop + 1);
  }

  tconv::ChainReport report() const { return tconv::chain_report(analysis_, synthesis_); }

  Tensor push(const Tensor& sound) {
    Tensor spectra(1, 2 * waves, analysis_.available(sound.dimension(2)));
    analysis_.push(sound, spectra, workspace_);
    return synthesize(spectra);
  }
  /// What is left behind the last chunk.
  std::array<Tensor, 2> finish() {
    Tensor spectra(1, 2 * waves, analysis_.remaining());
    analysis_.finish(spectra, workspace_);
    Tensor sound = synthesize(spectra), rest(1, 1, synthesis_.remaining());
    synthesis_.finish(rest, workspace_);
    return {sound, rest};
  }

 private:
  Tensor synthesize(Tensor& spectra) {
    forget_phases(spectra);
    Tensor sound(1, 1, synthesis_.available(spectra.dimension(2)));
    synthesis_.push(spectra, sound, workspace_);
    return sound;
  }

  tconv::Stream<tconv::Conv<float, 1, Eigen::RowMajor>> analysis_;
  tconv::Stream<tconv::ConvTranspose<float, 1, Eigen::RowMajor>> synthesis_;
  tconv::Workspace workspace_;
};

/// Sounds one after another.
class Recorder {
 public:
  explicit Recorder(Index samples) : sound_(1, 1, samples) {}

  void add(const Tensor& part) {
    if (written_ + part.dimension(2) > sound_.dimension(2))
      throw std::logic_error("more came out than the whole has");
    sound_.slice(Eigen::array<Index, 3>{0, 0, written_}, part.dimensions()) = part;
    written_ += part.dimension(2);
  }
  const Tensor& sound() const {
    if (written_ != sound_.dimension(2)) throw std::logic_error("less came out than the whole has");
    return sound_;
  }

 private:
  Tensor sound_;
  Index written_ = 0;
};

/// Streams a sound in chunks, and says how long they took.
Tensor stream(const Robot& robot, const Tensor& sound, Index chunk) {
  RobotStream stream(robot, chunk);
  Recorder recorder(sound.dimension(2));
  std::vector<double> times;  // in microseconds
  for (Index first = 0; first < sound.dimension(2); first += chunk) {
    const Tensor in = part_of(sound, first, std::min(chunk, sound.dimension(2) - first));
    const auto begin = std::chrono::steady_clock::now();
    const Tensor out = stream.push(in);
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
    times.push_back(time.count());
    recorder.add(out);
  }
  for (const Tensor& rest : stream.finish()) recorder.add(rest);
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  std::cout << std::setw(7) << chunk << std::fixed << std::setprecision(0) << std::setw(12)
            << 1e6 * static_cast<double>(chunk) / rate << std::setw(12) << at(0.5) << std::setw(8)
            << at(0.99) << std::setw(8) << at(1) << '\n';
  return recorder.sound();
}

float difference(const Tensor& a, const Tensor& b) {
  const Eigen::Tensor<float, 0, Eigen::RowMajor> most = (a - b).abs().maximum();
  return most();
}

/// 16 bits a sample, one channel: http://soundfile.sapp.org/doc/WaveFormat
void write_wav(const std::string& path, const Tensor& sound) {
  std::ofstream file(path, std::ios::binary);
  const auto number = [&file](unsigned long value, int bytes) {
    for (int i = 0; i < bytes; ++i) file.put(static_cast<char>(value >> (8 * i) & 255U));
  };
  const auto bytes = static_cast<unsigned long>(2 * sound.size());
  file << "RIFF";
  number(36 + bytes, 4);
  file << "WAVEfmt ";
  number(16, 4), number(1, 2), number(1, 2), number(rate, 4), number(2 * rate, 4), number(2, 2);
  number(16, 2);
  file << "data";
  number(bytes, 4);
  for (Index t = 0; t < sound.size(); ++t)
    number(static_cast<unsigned long>(
               std::lround(32767 * std::clamp(sound.data()[t], -1.0F, 1.0F)) & 0xFFFF),
           2);
  if (!file.flush()) throw std::runtime_error(path + " cannot be written");
  std::cout << "wrote " << path << '\n';
}

/// The waves of some sounds, one below another, from `first` on, with a line at `border`.
Picture draw_waves(const std::vector<Tensor>& sounds, Index first, Index border) {
  constexpr Index width = 900, height = 110, gap = 8;
  Picture picture(3, static_cast<Index>(sounds.size()) * (height + gap) - gap, width);
  picture.setConstant(1);
  float loudest = 1e-6F;
  for (const Tensor& sound : sounds)
    for (Index t = 0; t < width; ++t) loudest = std::max(loudest, std::abs(sound(0, 0, first + t)));
  for (std::size_t i = 0; i < sounds.size(); ++i) {
    const Index top = static_cast<Index>(i) * (height + gap);
    const auto row = [&](Index t) {
      const float value = sounds[i](0, 0, first + t) / loudest;
      return top + std::lround(static_cast<float>(height - 1) * (0.5F - 0.48F * value));
    };
    for (Index y = 0; y < height; ++y) {
      picture(1, top + y, border - first) = 0.4F;
      picture(2, top + y, border - first) = 0.4F;
    }
    for (Index t = 1; t < width; ++t) {
      const auto [from, to] = std::minmax({row(t - 1), row(t)});
      for (Index y = from; y <= to; ++y)
        for (Index c = 0; c < 3; ++c) picture(c, y, t) = 0.1F;
    }
  }
  return picture;
}

int run(const Arguments& arguments) {
  const Index samples = arguments.number(0, 4) * rate / hop * hop;
  if (samples < rate / hop * hop) throw std::invalid_argument("seconds must be at least 1");
  const Robot robot;
  const Tensor sound = sing(samples);
  const Tensor whole = robot(sound);

  const tconv::ChainReport report = RobotStream(robot, 1024).report();
  std::cout << "latency " << report.latency << " samples, " << report.outputs << " out for "
            << report.frames << " in, each from " << report.receptive_field << " samples\n"
            << "microseconds of a push:\n"
            << "  chunk  audio lasts  median     99%     max\n";
  Tensor streamed;
  float most = 0;
  for (const Index chunk : {64, 128, 256, 512, 1024}) {
    streamed = stream(robot, sound, chunk);
    most = std::max(most, difference(streamed, whole));
  }
  std::cout << std::defaultfloat << std::setprecision(3) << "streams differ from the whole by "
            << most << " at most\n";

  // Each chunk of spectra as if it were all: what the frames behind it add is missing.
  constexpr Index frames = 16, chunk = frames * hop;
  const tconv::ConvTranspose alone(make_waves(wave_scale),
                                   {.stride = hop, .padding = {{length - hop, 0}}});
  Tensor spectra = robot.analysis()(sound);
  forget_phases(spectra);
  Recorder naive(samples / chunk * chunk);
  for (Index first = 0; first < samples / chunk * frames; first += frames)
    naive.add(alone(part_of(spectra, first, frames)));

  write_wav(arguments.text(1, "stream_vocoder.wav"), streamed);
  const Index border = samples / 2 / chunk * chunk;
  save(arguments.text(2, "stream_vocoder.png"),
       draw_waves({whole, streamed, naive.sound()}, border - 450, border));
  return most < 1e-4F ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
