package fom.faces;

import android.app.Activity;
import android.content.Intent;
import android.net.Uri;
import android.util.Base64;
import android.webkit.JavascriptInterface;
import android.widget.Toast;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** Takes a recording from the page, piece by piece, and writes it where the user wants it. */
public final class Recordings {
  private final Activity activity;
  private final int request;
  private final File kept;

  Recordings(Activity activity, int request) {
    this.activity = activity;
    this.request = request;
    kept = new File(activity.getCacheDir(), "recording");
  }

  /** Begin a recording anew. */
  @JavascriptInterface
  public synchronized void begin() {
    kept.delete();
  }

  /** Add a piece, in base64. */
  @JavascriptInterface
  public synchronized void append(String piece) throws IOException {
    try (OutputStream out = new FileOutputStream(kept, true)) {
      out.write(Base64.decode(piece, Base64.DEFAULT));
    }
  }

  /** All is there: ask where it shall go. */
  @JavascriptInterface
  public void save(String name, String type) {
    final Intent intent = new Intent(Intent.ACTION_CREATE_DOCUMENT)
        .addCategory(Intent.CATEGORY_OPENABLE).setType(type).putExtra(Intent.EXTRA_TITLE, name);
    activity.runOnUiThread(new Runnable() {
      @Override
      public void run() {
        try {
          activity.startActivityForResult(intent, request);
        } catch (android.content.ActivityNotFoundException none) {
          tell("This phone has no place to save files.");
        }
      }
    });
  }

  /** Write the recording; null where the user wants it nowhere. */
  synchronized void write(Uri place) {
    if (place == null) return;
    try (InputStream in = new FileInputStream(kept); OutputStream out = opened(place)) {
      byte[] piece = new byte[1 << 16];
      for (int length; (length = in.read(piece)) > 0; ) out.write(piece, 0, length);
      tell("Saved.");
    } catch (IOException failed) {
      tell("The recording could not be saved there.");
    }
    kept.delete();
  }

  private OutputStream opened(Uri place) throws IOException {
    OutputStream out = activity.getContentResolver().openOutputStream(place);
    if (out == null) throw new IOException("nothing can be written there");
    return out;
  }

  private void tell(String text) {
    Toast.makeText(activity, text, Toast.LENGTH_LONG).show();
  }
}
