package jenkins.security.apitoken;

import java.util.LinkedHashMap;
import java.util.Map;

public class ApiTokenStore {
    public final Map<String, String[]> tokens = new LinkedHashMap<>();

    public synchronized void revokeToken(String tokenUuid) {
        tokens.remove(tokenUuid);
    }
}
