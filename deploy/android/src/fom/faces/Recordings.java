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

/** Takes a recording from the page, piece by piece, and writes it where the user wants it; one at a time. */
public final class Recordings {
  private final Activity activity;
  private final int request;
  private final File arriving;
  private final File whole; // waits for its place
  private boolean busy; // from the question for a place until all is written

  Recordings(Activity activity, int request) {
    this.activity = activity;
    this.request = request;
    arriving = new File(activity.getCacheDir(), "arriving");
    whole = new File(activity.getCacheDir(), "recording");
  }

  /** Begin a recording anew. */
  @JavascriptInterface
  public synchronized void begin() {
    arriving.delete();
  }

  /** Add a piece, in base64. */
  @JavascriptInterface
  public synchronized void append(String piece) throws IOException {
    try (OutputStream out = new FileOutputStream(arriving, true)) {
      out.write(Base64.decode(piece, Base64.DEFAULT));
    }
  }

  /** All is there: ask where it shall go. */
  @JavascriptInterface
  public synchronized void save(String name, String type) {
    if (busy) {
      tell("A recording is being saved already. Save the next one after it.");
      return;
    }
    busy = arriving.renameTo(whole);
    if (busy) ask(name, type);
    else tell("The recording could not be kept. Free some space, and save it again.");
  }

  /** Write the recording, while the app goes on; null where the user wants it nowhere. */
  void write(final Uri place) {
    new Thread("recording") {
      @Override
      public void run() {
        String told = place == null ? null : written(place);
        end();
        if (told != null) tell(told);
      }
    }.start();
  }

  private void ask(String name, String type) {
    final Intent intent = new Intent(Intent.ACTION_CREATE_DOCUMENT)
        .addCategory(Intent.CATEGORY_OPENABLE).setType(type).putExtra(Intent.EXTRA_TITLE, name);
    activity.runOnUiThread(new Runnable() {
      @Override
      public void run() {
        try {
          activity.startActivityForResult(intent, request);
        } catch (android.content.ActivityNotFoundException none) {
          end();
          tell("This phone has no place to save files.");
        }
      }
    });
  }

  private String written(Uri place) {
    try (InputStream in = new FileInputStream(whole); OutputStream out = opened(place)) {
      byte[] piece = new byte[1 << 16];
      for (int length; (length = in.read(piece)) > 0; ) out.write(piece, 0, length);
    } catch (IOException | SecurityException failed) {
      return "The recording could not be saved there.";
    }
    return "Saved.";
  }

  private synchronized void end() {
    whole.delete();
    busy = false;
  }

  private OutputStream opened(Uri place) throws IOException {
    OutputStream out = activity.getContentResolver().openOutputStream(place);
    if (out == null) throw new IOException("nothing can be written there");
    return out;
  }

  private void tell(final String text) {
    activity.runOnUiThread(new Runnable() {
      @Override
      public void run() {
        Toast.makeText(activity, text, Toast.LENGTH_LONG).show();
      }
    });
  }
}
