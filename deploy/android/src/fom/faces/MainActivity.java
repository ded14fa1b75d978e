package fom.faces;

import android.Manifest;
import android.app.Activity;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.net.Uri;
import android.os.Bundle;
import android.webkit.PermissionRequest;
import android.webkit.ValueCallback;
import android.webkit.WebChromeClient;
import android.webkit.WebSettings;
import android.webkit.WebView;

/** Shows the page of deploy/web from the app's own files; lets it choose files, use the camera and save recordings. */
public final class MainActivity extends Activity {
  private static final int CHOSEN = 1;
  private static final int PLACE = 2;
  private static final int CAMERA = 3;

  private WebView view;
  private Recordings recordings;
  private ValueCallback<Uri[]> chooser; // of the page, while it waits for files
  private PermissionRequest asking; // of the page, while the user decides about the camera

  @Override
  protected void onCreate(Bundle state) {
    super.onCreate(state);
    recordings = new Recordings(this, PLACE);
    view = new WebView(this);
    WebSettings settings = view.getSettings();
    settings.setJavaScriptEnabled(true);
    settings.setDomStorageEnabled(true);
    settings.setAllowFileAccess(false);
    settings.setMediaPlaybackRequiresUserGesture(false); // the camera's picture begins by itself
    view.setWebViewClient(new PageFiles(getAssets()));
    view.setWebChromeClient(new Wishes());
    view.addJavascriptInterface(recordings, "fomApp");
    setContentView(view);
    view.loadUrl(PageFiles.HOME + "index.html");
  }

  @Override
  protected void onResume() {
    super.onResume();
    view.onResume();
  }

  @Override
  protected void onPause() {
    view.onPause();
    super.onPause();
  }

  @Override
  protected void onDestroy() {
    view.destroy();
    super.onDestroy();
  }

  @Override
  protected void onActivityResult(int request, int result, Intent data) {
    super.onActivityResult(request, result, data);
    boolean chosen = result == RESULT_OK && data != null;
    if (request == PLACE) recordings.write(chosen ? data.getData() : null);
    if (request == CHOSEN) answer(chosen ? urisOf(data) : null);
  }

  @Override
  public void onRequestPermissionsResult(int request, String[] names, int[] results) {
    if (request != CAMERA || asking == null) return;
    boolean allowed = results.length > 0 && results[0] == PackageManager.PERMISSION_GRANTED;
    if (allowed) asking.grant(new String[] {PermissionRequest.RESOURCE_VIDEO_CAPTURE});
    else asking.deny();
    asking = null;
  }

  private void answer(Uri[] files) {
    if (chooser != null) chooser.onReceiveValue(files);
    chooser = null;
  }

  private static Uri[] urisOf(Intent data) {
    if (data.getClipData() == null) return data.getData() == null ? null : new Uri[] {data.getData()};
    Uri[] files = new Uri[data.getClipData().getItemCount()];
    for (int at = 0; at < files.length; at++) files[at] = data.getClipData().getItemAt(at).getUri();
    return files;
  }

  /** What the page asks the phone for. */
  private final class Wishes extends WebChromeClient {
    @Override
    public boolean onShowFileChooser(WebView from, ValueCallback<Uri[]> waiting, FileChooserParams wanted) {
      answer(null); // an older wish that nobody answered
      chooser = waiting;
      String[] kinds = wanted.getAcceptTypes();
      boolean media = kinds.length == 1 && (kinds[0].startsWith("image/") || kinds[0].startsWith("video/"));
      Intent intent = new Intent(Intent.ACTION_GET_CONTENT).addCategory(Intent.CATEGORY_OPENABLE).setType(media ? kinds[0] : "*/*");
      intent.putExtra(Intent.EXTRA_ALLOW_MULTIPLE, wanted.getMode() == FileChooserParams.MODE_OPEN_MULTIPLE);
      try {
        startActivityForResult(intent, CHOSEN);
        return true;
      } catch (android.content.ActivityNotFoundException none) {
        chooser = null;
        return false;
      }
    }

    @Override
    public void onPermissionRequest(PermissionRequest request) {
      String[] wanted = request.getResources();
      boolean camera = wanted.length == 1 && wanted[0].equals(PermissionRequest.RESOURCE_VIDEO_CAPTURE);
      if (!camera || !PageFiles.isHome(request.getOrigin())) {
        request.deny();
      } else if (checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) {
        request.grant(wanted);
      } else {
        asking = request;
        requestPermissions(new String[] {Manifest.permission.CAMERA}, CAMERA);
      }
    }
  }
}
