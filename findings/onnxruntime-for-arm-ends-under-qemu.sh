#!/bin/bash
# ONNX Runtime 1.30.0 for 64-bit ARM (of the npm package onnxruntime-node) cannot be tried by qemu-user on an x86-64 machine
# as it is: loading the library ends in a segmentation fault, before any call. When loaded it reads /proc/cpuinfo, which
# is the host's, and its cpuinfo finds no ARM processor in it. With a /proc/cpuinfo of an ARM processor in the folder that
# qemu's -L names, it loads: qemu looks there first.
# Exits 0 while that is so. Needs an x86-64 Debian or Ubuntu with apt-get, dpkg and npm.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent onnxruntime-node@1.30.0 >/dev/null
tar xzf onnxruntime-node-1.30.0.tgz
library=$work/package/bin/napi-v6/linux/arm64/libonnxruntime.so.1
chmod a+rwx "$work"
apt-get download -q qemu-user libc6-arm64-cross libstdc++6-arm64-cross libgcc-s1-arm64-cross >/dev/null 2>&1
for package in *.deb; do dpkg -x "$package" debian; done
root=$work/debian/usr/aarch64-linux-gnu
dpkg-deb -f qemu-user_*.deb Package Version

# The C library is a program, too, which tells its version; with the other library loaded before it.
load() { { debian/usr/bin/qemu-aarch64 -L "$root" -E LD_PRELOAD="$library" "$root/lib/libc.so.6" 2>&1 || echo "exit status $?"; } 2>&1 | sed -n '1p;$p'; }
echo "without the library:"
debian/usr/bin/qemu-aarch64 -L "$root" "$root/lib/libc.so.6" | head -1
echo "as it is:"
plain=$(load) && echo "$plain"
mkdir "$root/proc"
printf 'processor\t: 0\nFeatures\t: fp asimd crc32\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n' >"$root/proc/cpuinfo"
echo "with an ARM processor's /proc/cpuinfo:"
told=$(load) && echo "$told"
grep -q "exit status 139" <<<"$plain" && grep -q "GNU C Library" <<<"$told"
