package jenkins.security;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import jenkins.security.apitoken.ApiTokenStore;

public class ApiTokenProperty {
    private final ApiTokenStore tokenStore = new ApiTokenStore();

    public boolean matchesPassword(String token) {
        return tokenStore.tokens.values().stream().anyMatch(each -> each[1].equals(token));
    }

    public Collection<TokenInfoAndStats> getTokenList() {
        List<TokenInfoAndStats> list = new ArrayList<>();
        tokenStore.tokens.forEach((uuid, each) -> list.add(new TokenInfoAndStats(uuid, each[0])));
        return list;
    }

    public ApiTokenStore getTokenStore() {
        return tokenStore;
    }

    public String addFixedNewToken(String name, String tokenPlainValue) throws IOException {
        if (!tokenPlainValue.matches("11[0-9a-f]{32}")) throw new IllegalArgumentException("The token must be 11 and 32 hex characters.");
        String uuid = UUID.randomUUID().toString();
        tokenStore.tokens.put(uuid, new String[] {name, tokenPlainValue});
        return uuid;
    }

    public static class TokenInfoAndStats {
        public final String uuid;
        public final String name;

        TokenInfoAndStats(String uuid, String name) {
            this.uuid = uuid;
            this.name = name;
        }
    }
}
