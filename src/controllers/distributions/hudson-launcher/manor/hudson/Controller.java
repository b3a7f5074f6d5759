package manor.hudson;

import java.lang.reflect.InvocationTargetException;

/**
 * Starts Hudson's own {@code Main} on a JVM of today. Its XStream knows no JVM but Sun's of 2012 and refuses to read any XML elsewhere. Since
 * Java 17 {@code -Djava.vm.vendor} on the command line no longer has the last word, so the property is set from inside, before the
 * first class of Hudson is loaded. Class path: this directory, then the war.
 */
public final class Controller {
    private Controller() {}

    public static void main(String[] arguments) throws Throwable {
        System.setProperty("java.vm.vendor", "Sun Microsystems Inc.");
        try {
            Class.forName("Main").getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }
}
