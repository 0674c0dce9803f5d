# The toolchain of the preset arm64: Debian's cross compiler, and the target's libraries that cmake/arm64.sh has fetched.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

get_filename_component(sysroot ${CMAKE_CURRENT_LIST_DIR}/../build/deps/arm64/sysroot ABSOLUTE)
set(CMAKE_SYSROOT ${sysroot})
# The compiler looks into its own folder first, where a package for cross builds may have put a C library that gets no
# security updates; -B comes before that.
set(CMAKE_C_FLAGS_INIT -B${sysroot}/usr/lib/aarch64-linux-gnu)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -Wl,--no-warnings") # see FERMATA_STATIC; there is nothing to link with otherwise

# Programs are the machine's, everything else is the target's.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${sysroot}/usr/lib/aarch64-linux-gnu/pkgconfig:${sysroot}/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${sysroot})

find_program(QEMU NAMES qemu-aarch64 qemu-aarch64-static)
if(QEMU)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${QEMU})
endif()
