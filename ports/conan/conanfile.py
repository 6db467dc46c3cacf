"""Conan 2: `conan create ports/conan`, with `-o "tconv/*:compiled=True"` for the library."""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir


class TconvConan(ConanFile):
    name = "tconv"
    description = "Transposed convolution on Eigen tensors, header-only C++20"
    homepage = "https://github.com/tconv/tconv"
    url = homepage
    license = "MIT"
    topics = ("convolution", "transposed-convolution", "deconvolution", "eigen", "simd")
    settings = "os", "arch", "compiler", "build_type"
    options = {
        "compiled": [True, False],
        "shared": [True, False],
        "fPIC": [True, False],
    }
    default_options = {"compiled": False, "shared": False, "fPIC": True}
    generators = ("CMakeDeps",)

    @property
    def _root(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        project = load(self, os.path.join(self._root, "CMakeLists.txt"))
        self.version = re.search(r"project\(tconv VERSION ([0-9.]+)", project).group(1)

    def export_sources(self):
        # The recipe lies in the tree that it packages.
        for part in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*"):
            copy(self, part, self._root, self.export_sources_folder)

    def config_options(self):
        if self.settings.os == "Windows":
            del self.options.fPIC

    def configure(self):
        if not self.options.compiled:
            self.options.rm_safe("shared")
        if not self.options.compiled or self.options.get_safe("shared"):
            self.options.rm_safe("fPIC")
        self.package_type = "header-library"
        if self.options.compiled:
            self.package_type = "shared-library" if self.options.shared else "static-library"

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        self.requires("eigen/[>=3.4.0]", transitive_headers=True)

    def package_id(self):
        if not self.info.options.compiled:
            self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "EXAMPLES", "BENCHMARKS"):
            toolchain.cache_variables[f"TCONV_BUILD_{part}"] = False
        toolchain.cache_variables["TCONV_BUILD_COMPILED"] = bool(self.options.compiled)
        toolchain.cache_variables["TCONV_INSTALL"] = True
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()
        # Conan writes files of its own for CMake and pkg-config.
        rmdir(self, os.path.join(self.package_folder, "share"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "tconv")
        headers = self.cpp_info.components["headers"]
        headers.set_property("cmake_target_name", "tconv::tconv")
        headers.set_property("pkg_config_name", "tconv")
        headers.requires = ["eigen::eigen"]
        headers.bindirs = []
        headers.libdirs = []
        if self.options.compiled:
            library = self.cpp_info.components["compiled"]
            library.set_property("cmake_target_name", "tconv::compiled")
            library.set_property("pkg_config_name", "tconv-compiled")
            library.requires = ["headers"]
            library.libs = ["tconv"]
            library.defines = ["TCONV_COMPILED"]
