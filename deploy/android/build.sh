#!/bin/bash
# Builds the Android app from the built page: build.sh [FOLDER]  (build)
#
# Needs deploy/web/dist (npm run model && npm run build there; $PAGE names another), a JDK, aapt, zipalign, apksigner, the
# resources of Android 10, a dexer (d8 or dalvik-exchange) and android.jar of API level 23 or newer. In Debian 12 the first are
# default-jdk-headless, aapt, zipalign, apksigner, android-framework-res; Debian 11 has dalvik-exchange and
# libandroid-23-java, too. $ANDROID_JAR, $ANDROID_RES and $DEXER name others. The key is made at the first build and kept in
# FOLDER: only what has the same key replaces an installed app.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/build}
page=${PAGE:-$here/../web/dist}
jar=${ANDROID_JAR:-/usr/lib/android-sdk/platforms/android-23/android.jar}
resources=${ANDROID_RES:-/usr/share/android-framework-res/framework-res.apk}
dexer=${DEXER:-$(command -v d8 || command -v dalvik-exchange || true)}

need() { echo "build.sh: $1" >&2; exit 1; }
[ -f "$page/index.html" ] || need "no built page in $page. Run there: npm ci && npm run model && npm run build"
for tool in javac aapt zipalign apksigner keytool; do command -v $tool >/dev/null || need "$tool is missing. Install it (see the head of this file)"; done
for file in "$jar" "$resources"; do [ -f "$file" ] || need "$file is missing. Install it, or name another by ANDROID_JAR and ANDROID_RES"; done
[ -n "$dexer" ] || need "no dexer. Install d8 or dalvik-exchange, or name one by DEXER"

rm -rf "$out/stage"
mkdir -p "$out/stage/assets" "$out/stage/res/drawable" "$out/stage/classes"
cp -r "$here/res/." "$out/stage/res"
cp "$page/icon-192.png" "$out/stage/res/drawable/icon.png"
cp -r "$page/." "$out/stage/assets"
# What a WebView never asks for: it computes on the processor, and keeps nothing that it has already.
rm -f "$out"/stage/assets/sw.js "$out"/stage/assets/assets/*asyncify*
rm -f "$out"/stage/assets/data/mini/{relative_generator,keypoint_detector.int8,source_encoder.int8}*
if [ -f "$out/stage/assets/data/mini/generator.int8.onnx" ]; then rm -f "$out/stage/assets/data/mini/generator.onnx"; fi

javac -nowarn -Xlint:-options -source 8 -target 8 -bootclasspath "$jar" -d "$out/stage/classes" "$here"/src/fom/faces/*.java
case $dexer in
  *d8) $dexer --release --min-api 26 --lib "$jar" --output "$out/stage" "$out"/stage/classes/fom/faces/*.class ;;
  *) $dexer --dex --min-sdk-version=26 --output="$out/stage/classes.dex" "$out/stage/classes" ;;
esac
# Newer systems want the table of resources uncompressed; sounds, pictures and networks are, or gain nothing by it.
aapt package -f -M "$here/AndroidManifest.xml" -S "$out/stage/res" -A "$out/stage/assets" -I "$resources" -0 arsc -0 onnx -F "$out/stage/bare.apk"
(cd "$out/stage" && aapt add bare.apk classes.dex >/dev/null)
zipalign -f 4 "$out/stage/bare.apk" "$out/stage/aligned.apk"
[ -f "$out/key.jks" ] || keytool -genkeypair -keystore "$out/key.jks" -storepass faces-in-motion -alias app -keyalg RSA -keysize 3072 \
  -validity 10000 -dname "CN=Faces in motion" 2>/dev/null
apksigner sign --ks "$out/key.jks" --ks-pass pass:faces-in-motion --min-sdk-version 26 --v4-signing-enabled false --out "$out/faces-in-motion.apk" "$out/stage/aligned.apk"
rm -rf "$out/stage"
echo "$out/faces-in-motion.apk"
