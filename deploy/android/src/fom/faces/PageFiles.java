package fom.faces;

import android.content.res.AssetManager;
import android.net.Uri;
import android.webkit.WebResourceRequest;
import android.webkit.WebResourceResponse;
import android.webkit.WebView;
import android.webkit.WebViewClient;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;

/** Gives the page's files out of the app, under an address that counts as secure; everything else is refused. */
final class PageFiles extends WebViewClient {
  static final String HOST = "appassets.androidplatform.net"; // reserved by Android for this: no site answers there
  static final String HOME = "https://" + HOST + "/";
  private static final Map<String, String> TYPES = new HashMap<>();

  static {
    TYPES.put("html", "text/html");
    TYPES.put("js", "text/javascript");
    TYPES.put("mjs", "text/javascript");
    TYPES.put("css", "text/css");
    TYPES.put("json", "application/json");
    TYPES.put("webmanifest", "application/manifest+json");
    TYPES.put("wasm", "application/wasm");
    TYPES.put("svg", "image/svg+xml");
    TYPES.put("png", "image/png");
  }

  private final AssetManager assets;

  PageFiles(AssetManager assets) {
    this.assets = assets;
  }

  static boolean isHome(Uri address) {
    return "https".equals(address.getScheme()) && HOST.equals(address.getHost());
  }

  @Override
  public WebResourceResponse shouldInterceptRequest(WebView view, WebResourceRequest request) {
    Uri address = request.getUrl();
    String path = address.getPath();
    if (!isHome(address) || path == null || path.contains("..")) return missing();
    try {
      String type = TYPES.get(path.substring(path.lastIndexOf('.') + 1));
      Map<String, String> headers = Collections.singletonMap("Cache-Control", "no-store"); // they are on the phone already
      return new WebResourceResponse(type == null ? "application/octet-stream" : type, null, 200, "OK", headers, assets.open(path.substring(1)));
    } catch (IOException none) {
      return missing();
    }
  }

  @Override
  public boolean shouldOverrideUrlLoading(WebView view, String address) {
    return !isHome(Uri.parse(address)); // links that lead elsewhere lead nowhere
  }

  private static WebResourceResponse missing() {
    return new WebResourceResponse("text/plain", "utf-8", 404, "Not Found", Collections.<String, String>emptyMap(), new ByteArrayInputStream(new byte[0]));
  }
}
